from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F

from tightfit import Distillation
from tightfit.objectives.distillation import distillation_loss

CLASSES = torch.tensor([2, 0])
STUDENT = torch.tensor([[1.0, 0.0, -1.0], [0.5, 0.5, 2.0]])
TEACHER = torch.tensor([[2.0, 1.0, 0.0], [3.0, 0.0, 0.0]])


def test_scores_of_classes_are_compared_as_softened_distributions() -> None:
    loss = distillation_loss(STUDENT, TEACHER, targets=CLASSES, how=Distillation(0.9, 4.0))
    student, teacher = (F.softmax(scores / 4, 1) for scores in (STUDENT, TEACHER))
    by_hand = 16 * (teacher * (teacher.log() - student.log())).sum() / 2
    assert float(loss) == pytest.approx(float(by_hand), rel=1e-5)


def test_a_student_that_says_what_its_teacher_says_has_no_loss() -> None:
    shifted = TEACHER + 7
    loss = distillation_loss(shifted, TEACHER, targets=CLASSES, how=Distillation(0.9, 2.0))
    assert float(loss) == pytest.approx(0.0, abs=1e-5)


def test_every_pixel_counts_as_one_picture_does() -> None:
    pixels = (STUDENT[:, :, None, None].expand(2, 3, 4, 5), TEACHER[:, :, None, None])
    how = Distillation(0.5, 3.0)
    one = distillation_loss(STUDENT, TEACHER, targets=CLASSES, how=how)
    masks = CLASSES[:, None, None].expand(2, 4, 5)
    many = distillation_loss(pixels[0], pixels[1].expand(2, 3, 4, 5), targets=masks, how=how)
    assert float(many) == pytest.approx(float(one), rel=1e-5)


def test_other_outputs_are_compared_by_their_squared_difference() -> None:
    positions = torch.zeros(2, 3)
    loss = distillation_loss(STUDENT, TEACHER, targets=positions, how=Distillation(0.9, 4.0))
    assert float(loss) == pytest.approx(float((STUDENT - TEACHER).square().mean()))
