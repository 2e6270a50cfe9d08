import numpy as np
import pandas as pd
import pytest
import yaml

from affectspace.affect import AXES
from affectspace.errors import ConfigError, DataError
from affectspace.lexicon import Lexicon, dynamics, plot_trajectory, series_dynamics, utterance_dynamics
from affectspace.lexicon.series import HomeBase

LEXICON = Lexicon.from_terms({"up": (0.9, 0.5, 0.1), "so": (0.1, 0, 0), "down": (-0.7, -0.2, -0.6), "Big": (0.5, 0, 0)})
TEXTS = ["up so x", "down DOWN", "so Big up", "so down", "up"]


def test_the_words_of_a_speaker_are_one_series_in_order_of_time():
    order = {"times": [3, 1, 1, 2, 2], "utterances": list("pqrst")}
    result = utterance_dynamics(TEXTS, list("babba"), LEXICON, **order, window=2, min_words=2)
    mine = result.states[(result.states["speaker"] == "b") & (result.states["axis"] == "valence")]
    words = ["so", "up", "so", "down", "up", "so"]  # without "big": the lexicon writes it with a capital
    assert mine["word"].tolist() == words[1:]
    assert mine["utterance"].tolist() == ["r", "s", "s", "p", "p"]
    values = LEXICON.values[[LEXICON.terms.index(word) for word in words], 0]
    expected = dynamics(values, window=2)
    np.testing.assert_allclose(mine["value"], expected.states["value"])
    row = result.summary[(result.summary["speaker"] == "b") & (result.summary["axis"] == "valence")].iloc[0]
    assert (row["utterances"], row["words"], row["steps"]) == (3, 6, 5)
    assert row["mean"] == pytest.approx(expected.summary["mean"])


def test_stop_words_neutral_words_and_speakers_with_too_few_words():
    result = utterance_dynamics(TEXTS, list("bbbba"), LEXICON, stop_words={"So "}, window=2, min_words=4)
    assert "so" not in set(result.states["word"])
    assert result.left_out["speaker"].unique().tolist() == ["a"]
    strong = utterance_dynamics(TEXTS, list("bbbbb"), LEXICON, window=1, min_words=1, leave_out_neutral=True)
    words = strong.states.groupby("axis")["word"].unique()
    assert set(words["valence"]) == {"up", "down"}
    assert set(words["arousal"]) == {"up"}


def test_predictions_of_a_model_with_gaps():
    rng = np.random.default_rng(0)
    values = pd.DataFrame({"valence": rng.normal(size=20), "sentiment": rng.normal(size=20)}, index=range(100, 120))
    values.loc[103, "valence"] = np.nan
    result = series_dynamics(values, ["x"] * 19 + ["y"], window=3)
    mine = result.states[result.states["axis"] == "valence"]
    known = values["valence"].iloc[:19].dropna()
    np.testing.assert_allclose(mine["value"], dynamics(known, window=3).states["value"])
    assert mine["utterance"].tolist() == known.index[2:].tolist()
    assert "word" not in mine
    assert result.left_out["words"].tolist() == [1, 1]


def test_errors():
    with pytest.raises(DataError, match="5 texts or values, but 1 of speaker"):
        utterance_dynamics(TEXTS, ["a"], LEXICON)
    with pytest.raises(DataError, match="row 2 has no speaker"):
        utterance_dynamics(TEXTS, ["a", None, "a", "a", "a"], LEXICON)
    with pytest.raises(DataError, match="no speaker has 6 lexicon words"):
        utterance_dynamics(["nothing"], ["a"], LEXICON)
    with pytest.raises(DataError, match="row 2: the time is 'two', which is not a time"):
        utterance_dynamics(TEXTS, ["a"] * 5, LEXICON, times=[1, "two", 3, 4, 5])
    with pytest.raises(ConfigError, match="give a set of words"):
        utterance_dynamics(TEXTS, ["a"] * 5, LEXICON, stop_words="the")


def test_the_figure_of_a_trajectory(tmp_path):
    rng = np.random.default_rng(0)
    values = pd.DataFrame(rng.normal(size=(60, 2)), columns=["valence", "arousal"])
    result = series_dynamics(values, ["ann"] * 40 + ["bob"] * 20, window=3)
    figure = plot_trajectory(result)
    assert len(figure.axes) == 2
    assert "ann" in figure.get_suptitle()
    assert figure.axes[0].get_title(loc="left").startswith("valence: ")
    figure.savefig(tmp_path / "figure.png")
    assert plot_trajectory(result, "bob").get_suptitle().startswith("bob: ")
    with pytest.raises(DataError, match="speaker 'eve' has no states"):
        plot_trajectory(result, "eve")


SCALED = {  # the original's name -> ours, and how one goes from [-1, 1] to its 0..1
    "emo_std": ("std", 0.5, 0),
    "emo_mean": ("mean", 0.5, 0.5),
    "emo_lexical_mean": ("lexical_mean", 0.5, 0.5),
    "emo_in_home_base": ("in_home_base", 1, 0),
    "emo_avg_dist_home_base": ("distance", 0.5, 0),
    "emo_avg_peak_dist": ("peak_distance", 0.5, 0),
    "emo_avg_disp_length": ("length", 1, 0),
    "emo_avg_rise_rate": ("rise_rate", 0.5, 0),
    "emo_avg_recovery_rate": ("recovery_rate", 0.5, 0),
    "emo_avg_home-to-low_rate": ("home_to_low_rate", 0.5, 0),
    "emo_avg_low-to-home_rate": ("low_to_home_rate", 0.5, 0),
    "emo_avg_home-to-high_rate": ("home_to_high_rate", 0.5, 0),
    "emo_avg_high-to-home_rate": ("high_to_home_rate", 0.5, 0),
    "emo_number_displacements": ("displacements_original", 1, 0),
    "emo_number_low_displacements": ("low_displacements_original", 1, 0),
    "emo_number_high_displacements": ("high_displacements_original", 1, 0),
    "number_emo_utterances": ("utterances", 1, 0),
    "number_emo_words": ("words", 1, 0),
    "num_window_steps": ("steps", 1, 0),
}
STATES = {
    "speaker_emo_state_is_peak": ("is_peak", 1, 0),
    "speaker_emo_displacement_counter": ("step", 1, 0),
    "speaker_emo_displacement_number": ("displacement", 1, 0),
    "speaker_emo_state_value": ("value", 0.5, 0.5),
    "speaker_emo_in_home_base": ("in_home_base", 1, 0),
    "speaker_emo_distance_home_base": ("distance", 0.5, 0),
    "speaker_word_index": ("step_number", 1, 0),
}


@pytest.mark.parametrize("leave_out", ["true", "false"])
@pytest.mark.parametrize("band", ["1std", "t"])
def test_equals_the_original_tool(leave_out, band, shared_data):
    root = shared_data / "emotiondynamics_reference"
    folder = root / "per_speaker" / f"glasgow2019_unit__filter_{leave_out}__band_{band}"
    setting = yaml.safe_load((folder / "config.yaml").read_text())
    columns = {"term": "word", **{axis: axis for axis in AXES}}
    lexicon = Lexicon.read(root / "lexicons" / "glasgow2019_unit.csv", columns=columns, scale="nrc_vad_1")
    table = pd.read_csv(root / "input_emobank_pretokenised.csv", keep_default_na=False)
    result = utterance_dynamics(
        table["text"],
        table["speaker"],
        lexicon,
        times=table["time"],
        utterances=table["id"],
        stop_words=(root / "stopwords_from_original.txt").read_text().splitlines(),
        window=setting["rollingWindow"],
        min_words=setting["min_tokens"],
        leave_out_neutral=setting["filter"],
        home_base=HomeBase(
            "t" if band == "t" else "deviation", level=setting["level"], shortest=setting["disp_length_min"]
        ),
    )
    for axis in lexicon.axes:
        expected = pd.read_csv(folder / axis / "narrative_info.csv", keep_default_na=False, na_values=[""])
        ours = result.states[result.states["axis"] == axis]
        assert ours["word"].tolist() == expected["speaker_word"].tolist()
        assert ours["utterance"].tolist() == expected["global_utterance_index"].tolist()
        assert ours["state"].tolist() == expected["speaker_emo_state_position"].tolist()
        assert_equal(ours, expected, STATES)
        expected = pd.read_csv(folder / axis / "overall_speaker_info.csv")
        ours = result.summary[result.summary["axis"] == axis]
        assert ours["speaker"].tolist() == expected["speaker_id"].tolist()
        assert_equal(ours, expected, SCALED)


def assert_equal(ours, expected, names):
    for theirs, (name, unit, origin) in names.items():
        values = ours[name].to_numpy(dtype=float) * unit + origin
        np.testing.assert_allclose(values, expected[theirs].astype(float), rtol=0, atol=1e-9, err_msg=theirs)
