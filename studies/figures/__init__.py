"""Figures: each is two functions, the data and then the drawing. Plotly is at home here."""

from tightfit.studies.figures.cloud import Cloud, cloud, front, front_axes
from tightfit.studies.figures.cloud_drawing import draw_cloud
from tightfit.studies.figures.hypervolume import (
    HypervolumeHistory,
    draw_hypervolume,
    hypervolume_caption,
    hypervolume_over_trials,
)
from tightfit.studies.figures.layers import Layers, SiteChoice, draw_layers, layers
from tightfit.studies.figures.progress import Track, draw_tracks, tracks
from tightfit.studies.figures.screening import Obstacle, draw_obstacles, obstacles
from tightfit.studies.figures.style import CONFIG, DARK, darkened, empty

__all__ = [
    "CONFIG",
    "DARK",
    "Cloud",
    "HypervolumeHistory",
    "Layers",
    "Obstacle",
    "SiteChoice",
    "Track",
    "cloud",
    "darkened",
    "draw_cloud",
    "draw_hypervolume",
    "draw_layers",
    "draw_obstacles",
    "draw_tracks",
    "empty",
    "front",
    "front_axes",
    "hypervolume_caption",
    "hypervolume_over_trials",
    "layers",
    "obstacles",
    "tracks",
]
