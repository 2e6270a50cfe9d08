import pytest

from affectspace.annotation import AnnotationTransfer, plot_ellipses
from affectspace.errors import DataError


def test_two_panels_whose_title_states_the_area():
    figure = plot_ellipses(AnnotationTransfer.reference("affectnet"))
    assert len(figure.axes) == 2
    assert figure.get_suptitle() == "The ellipses of AffectNet: 2.0% of the square each on average, 13.5% together"
    assert {text.get_text() for text in figure.axes[0].texts} == {*AnnotationTransfer.reference("affectnet").classes_}


def test_the_second_panel_has_the_levels():
    figure = plot_ellipses(AnnotationTransfer.reference("affectnet"), levels=4)
    assert "9 levels" in figure.axes[1].get_title(loc="left")


def test_centres_only_lone_rows_and_other_names():
    figure = plot_ellipses(AnnotationTransfer.reference("russell_mehrabian_1977"))
    assert "centres only" in figure.get_suptitle()
    assert len(figure.axes) == 1
    lone = AnnotationTransfer(covariance="full").fit([[0, 0], [0.1, 0.3], [0.5, 0.5]], ["x", "x", "y"])
    assert len(plot_ellipses(lone).axes) == 2
    with pytest.raises(DataError, match="two axes"):
        plot_ellipses(AnnotationTransfer().fit([[0], [1]], ["x", "y"]))
