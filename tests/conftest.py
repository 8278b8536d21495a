"""What every test shares."""

from __future__ import annotations

import torch

# Nets of tests are small: a second thread costs more than it gives, and on a busy machine the two
# wait for each other most of the time.
torch.set_num_threads(1)
