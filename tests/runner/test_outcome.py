"""The outcome of a run is a value."""

import pickle

import pytest

from topo_exp import errors
from topo_exp.errors import GeometryError, RecordError, RunError, TopoExpError
from topo_exp.runner.outcome import Outcome
from topo_exp.runner.run import execute
from topo_exp.testing import run_spec


def sent(outcome):
    """Return an outcome as another process receives it."""
    return pickle.loads(pickle.dumps(outcome))  # noqa: S301  made in the line itself


def refuse():
    """Refuse the parameters, as a model may."""
    raise GeometryError("V1.Afferent: the field must cover a cell (got 0.2 cells). Use a larger one.")


def break_down():
    """Raise an error of the user's own."""
    raise ZeroDivisionError("in my model")


def test_a_finished_run_is_returned_to_another_process(tmp_path):
    """The outcome survives pickling, and its handle reads the same run."""
    outcome = execute(run_spec(tmp_path, analyses={}))
    again = sent(outcome)
    assert again == outcome
    assert (again.status, again.error, again.handle().status) == ("done", "", "done")


@pytest.mark.parametrize(
    ("build", "status", "error"), [(refuse, "refused", GeometryError), (break_down, "failed", RunError)]
)
def test_an_error_is_raised_again_from_the_value(tmp_path, build, status, error):
    """Class and message are those of the run's process; the traceback exists in that process only."""
    outcome = execute(run_spec(tmp_path, build=build))
    assert outcome.status == status
    assert (outcome.directory is None) == (status == "refused")
    with pytest.raises(error) as here:
        outcome.raise_error()
    assert here.value is outcome.exception
    again = sent(outcome)
    assert again.exception is None
    with pytest.raises(error) as there:
        again.handle()
    assert str(there.value) == str(here.value)


def test_an_error_of_a_users_own_class_is_named_by_the_nearest_public_one():
    """A subclass that another process cannot import arrives as its base class."""

    class MineError(RecordError):
        pass

    assert Outcome.of_error(MineError("x")).error_type == "RecordError"


@pytest.mark.parametrize("name", [name for name in vars(errors) if name.endswith("Error")])
def test_every_error_can_be_an_outcome(name):
    """All public errors are made from their text."""
    with pytest.raises(TopoExpError, match="text"):
        sent(Outcome.of_error(vars(errors)[name]("text"))).raise_error()
