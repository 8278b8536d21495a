from __future__ import annotations

from tightfit import Hparam, SearchSpace
from tightfit.studies.figures import SiteChoice, draw_layers, layers
from tightfit.studies.results import Results


def test_a_candidate_is_taken_apart_by_site(results: Results) -> None:
    found = layers(results.space, results.records[0].candidate)

    assert [site.site for site in found.sites] == ["layer1", "layer2", "layer3", "layer4"]
    assert found.sites[0] == SiteChoice("layer1", width=0.25, bits=8, rank=None)
    assert found.sites[3] == SiteChoice("layer4", width=0.25, bits=8, rank=1.0)
    assert ("distillation.weight", "0.9") in found.settings


def test_the_baseline_keeps_everything_in_float(results: Results) -> None:
    found = layers(results.space, results.space.baseline())

    assert {site.width for site in found.sites} == {1.0}
    assert {site.bits for site in found.sites} == {32}
    figure = draw_layers(found)
    assert figure.data[0].text[0] == "full"
    assert figure.data[1].text[0] == "float"


def test_techniques_that_are_off_take_no_column() -> None:
    space = SearchSpace((Hparam("conv.bits", (None, 8, 4)), Hparam("bits", (None, 8))))
    found = layers(space, space.from_choices({"conv.bits": 4, "bits": 8}))

    figure = draw_layers(found)

    assert len(figure.data) == 1
    assert [*figure.data[0].y] == ["conv", "network"]
    assert [*figure.data[0].text] == ["4", "8"]


def test_layers_whose_weights_alone_are_codes_are_told_apart() -> None:
    space = SearchSpace(
        tuple(
            hparam
            for name in ("conv", "fc")
            for hparam in (
                Hparam(f"{name}.bits", (None, 8, 4)),
                Hparam(f"{name}.activation_bits", (8, None), (f"{name}.bits", (1, 2))),
            )
        )
    )
    chosen = {"conv.bits": 4, "conv.activation_bits": None, "fc.bits": 8}
    found = layers(space, space.from_choices(chosen))

    assert [site.bits_text for site in found.sites] == ["4, weights only", "8"]
    assert found.settings == ()
    assert [*draw_layers(found).data[0].text] == ["4, weights only", "8"]


def test_a_space_of_settings_alone_has_nothing_by_layer() -> None:
    space = SearchSpace((Hparam("schedule.epochs", (4, 8)),))
    found = layers(space, space.baseline())

    assert found.sites == ()
    assert "Nothing is chosen layer by layer" in draw_layers(found).layout.annotations[0].text


def test_many_layers_make_a_tall_figure() -> None:
    space = SearchSpace(tuple(Hparam(f"l{i}.bits", (None, 8)) for i in range(60)))

    assert draw_layers(layers(space, space.baseline())).layout.height > 1400


def test_layers_stand_in_the_networks_order_also_where_groups_are_pruned_together() -> None:
    space = SearchSpace(
        (
            Hparam("conv2.pruning_ratio", (0.0, 0.5)),
            *(Hparam(f"{name}.bits", (None, 8)) for name in ("conv1", "conv2", "conv3")),
        )
    )

    found = layers(space, space.baseline())

    assert [site.site for site in found.sites] == ["conv1", "conv2", "conv3"]
    assert [site.width for site in found.sites] == [None, 1.0, None]


def test_layers_of_a_dropped_block_are_left_out_and_the_block_is_named() -> None:
    space = SearchSpace(
        (
            Hparam("block1.depth", (1, 0)),
            Hparam("block2.depth", (1, 0)),
            Hparam("block1.conv.bits", (None, 8), active_if=("block1.depth", (0,))),
            Hparam("block2.conv.bits", (None, 8), active_if=("block2.depth", (0,))),
        )
    )

    found = layers(space, space.from_choices({"block2.depth": 0}))

    assert [site.site for site in found.sites] == ["block1.conv"]
    assert found.settings == (("block2.depth", "0"),)
