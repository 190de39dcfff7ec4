"""Learning rate schedules against Keras's values, and their configurations."""

import json
from pathlib import Path

import pytest

from minicnn.optimizers import schedules

GOLDEN = json.loads((Path(__file__).parent / "golden" / "optimizers.json").read_text())
CASES = [
    pytest.param(case, id=f"{i}_{case['class_name']}") for i, case in enumerate(GOLDEN["schedules"])
]


@pytest.mark.parametrize("case", CASES)
def test_values_are_those_of_keras(case):
    schedule = schedules.deserialize(case)
    got = [schedule(step) for step in GOLDEN["schedule_steps"]]
    assert got == pytest.approx(case["values"], rel=2e-6, abs=1e-7)
    assert all(isinstance(value, float) for value in got)


@pytest.mark.parametrize("case", CASES)
def test_configuration_is_that_of_keras(case):
    saved = schedules.serialize(schedules.deserialize(case))
    assert json.dumps(saved) == json.dumps({k: v for k, v in case.items() if k != "values"})


@pytest.mark.parametrize(
    ("schedule", "values"),  # at steps 0, 1, 2, 3, 5, 10
    [
        (schedules.ExponentialDecay(0.1, 10, 0.5), [0.1, 0.0933, 0.08706, 0.08123, 0.07071, 0.05]),
        (schedules.PiecewiseConstantDecay([2, 5], [1.0, 0.5, 0.1]), [1, 1, 1, 0.5, 0.5, 0.1]),
        (schedules.PolynomialDecay(0.1, 10), [0.1, 0.09001, 0.08002, 0.07003, 0.05005, 0.0001]),
        (schedules.CosineDecay(0.1, 10), [0.1, 0.09755, 0.09045, 0.07939, 0.05, 0.0]),
        (
            schedules.CosineDecay(0.0, 10, alpha=0.1, warmup_target=0.1, warmup_steps=5),
            [0.0, 0.02, 0.04, 0.06, 0.1, 0.055],
        ),
    ],
)
def test_values_written_out(schedule, values):
    assert [schedule(s) for s in (0, 1, 2, 3, 5, 10)] == pytest.approx(values, abs=5e-6)


def test_restarts_begin_where_one_wave_ends():
    schedule = schedules.CosineDecayRestarts(0.1, 10, t_mul=3.0)
    rises = [s for s in range(1, 500) if schedule(s) > schedule(s - 1)]
    assert rises == [10, 40, 130, 400]  # 10, 10 + 30, 10 + 30 + 90, ...
    assert [schedule(s) for s in rises] == [0.1] * 4


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: schedules.ExponentialDecay(0.1, 0, 0.5), "`decay_steps` must be > 0"),
        (lambda: schedules.InverseTimeDecay(0.1, -1, 0.5), "`decay_steps` must be > 0"),
        (lambda: schedules.PolynomialDecay(0.1, 0), "`decay_steps` must be > 0"),
        (lambda: schedules.CosineDecay(0.1, 0), "`decay_steps` must be > 0"),
        (lambda: schedules.CosineDecayRestarts(0.1, 0), "`first_decay_steps` must be > 0"),
        (lambda: schedules.CosineDecayRestarts(0.1, 5, t_mul=0.5), "`t_mul` must be >= 1"),
        (lambda: schedules.PiecewiseConstantDecay([1], [1.0]), "should be 1 less than the length"),
        (lambda: schedules.PiecewiseConstantDecay([5, 2], [1.0, 2.0, 3.0]), "must rise"),
        (lambda: schedules.deserialize({"class_name": "CosinDecay"}), "did you mean 'CosineDecay'"),
    ],
)
def test_impossible_arguments(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_ones_own_schedule():
    class Half(schedules.LearningRateSchedule):
        def __call__(self, step):
            return 0.5

        def get_config(self):
            return {}

    saved = schedules.serialize(Half())
    assert type(schedules.deserialize(saved, {"Half": Half})) is Half
    with pytest.raises(ValueError, match="Could not interpret learning rate schedule"):
        schedules.deserialize(saved)
    with pytest.raises(NotImplementedError, match="must override `__call__"):
        schedules.LearningRateSchedule()(0)
    with pytest.raises(NotImplementedError, match="must override `get_config"):
        schedules.LearningRateSchedule().get_config()
