"""Tightfit: hard limits in; the best network that fits, out."""

from tightfit.blueprint import FLOAT_BITS, Activation, Blueprint, Operation
from tightfit.candidate import Candidate
from tightfit.conditions import Conditions
from tightfit.constraint import Constraint, Sense
from tightfit.cost_structure import CostStructure, LinearCase, Total
from tightfit.cost_table import CostTable
from tightfit.errors import CandidateError, MeasurementError, SpecError, TightfitError
from tightfit.graph import WEIGHT_OPERATORS, Graph, Node
from tightfit.hparam import Choice, Hparam
from tightfit.interval import Interval
from tightfit.measurement import Measurement
from tightfit.metric import Direction, Kind, Metric, Stage
from tightfit.objective import Objective
from tightfit.program import Program
from tightfit.protocols import (
    CostModel,
    Evaluator,
    GoOn,
    InheritingEvaluator,
    RungEvaluator,
)
from tightfit.reading import Reading
from tightfit.recipe import Distillation, Recipe
from tightfit.record import Outcome, Record
from tightfit.rung import Rung
from tightfit.space import BoolArray, FloatArray, IntArray, SearchSpace
from tightfit.start import Start

__version__ = "0.1.0"

__all__ = [
    "FLOAT_BITS",
    "WEIGHT_OPERATORS",
    "Activation",
    "Blueprint",
    "BoolArray",
    "Candidate",
    "CandidateError",
    "Choice",
    "Conditions",
    "Constraint",
    "CostModel",
    "CostStructure",
    "CostTable",
    "Direction",
    "Distillation",
    "Evaluator",
    "FloatArray",
    "GoOn",
    "Graph",
    "Hparam",
    "InheritingEvaluator",
    "IntArray",
    "Interval",
    "Kind",
    "LinearCase",
    "Measurement",
    "MeasurementError",
    "Metric",
    "Node",
    "Objective",
    "Operation",
    "Outcome",
    "Program",
    "Reading",
    "Recipe",
    "Record",
    "Rung",
    "RungEvaluator",
    "SearchSpace",
    "Sense",
    "SpecError",
    "Stage",
    "Start",
    "TightfitError",
    "Total",
]
