"""Wrong answers to the exercises of chapter 6."""

import numpy as np

from tests.exercises.mutants.table import wrong


def slopes(x, slope):
    result = np.empty_like(x)
    for index in np.ndindex(x.shape):
        step = np.zeros_like(x)
        step[index] = 1
        result[index] = slope(step)
    return result


@wrong("numeric_gradient", says="the step goes to the right only")
def steps_to_the_right(f, x, h):
    return slopes(x, lambda s: (f(x + h * s) - f(x)) / h)


@wrong("numeric_gradient", says="the step goes to the left only")
def steps_to_the_left(f, x, h):
    return slopes(x, lambda s: (f(x) - f(x - h * s)) / h)


@wrong("numeric_gradient", says="divided by h, not by 2 h")
def divides_by_half_the_distance(f, x, h):
    return slopes(x, lambda s: (f(x + h * s) - f(x - h * s)) / h)


@wrong("numeric_gradient", says="an entry stays moved while the next ones are")
def forgets_to_move_back(f, x, h):
    moved, result = x.copy(), np.empty_like(x)
    for index in np.ndindex(x.shape):
        moved[index] += h
        right = f(moved)
        moved[index] -= 2 * h
        result[index] = (right - f(moved)) / (2 * h)
    return result


@wrong("numeric_gradient", says="all entries are moved at once")
def moves_everything(f, x, h):
    return np.full(x.shape, (f(x + h) - f(x - h)) / (2 * h))


@wrong("numeric_gradient", says="it changed its argument x")
def moves_the_callers_array(f, x, h):
    for index in np.ndindex(x.shape):
        x[index] += h
    return np.zeros_like(x)


@wrong("numeric_gradient", says="x may have any number of axes")
def knows_one_axis_only(f, x, h):
    result = np.zeros(x.shape)
    for i in range(len(x)):
        step = np.zeros_like(x)
        step[i] = h
        result[i] = (f(x + step) - f(x - step)) / (2 * h)
    return result


@wrong("relative_error", says="the difference is absolute, not relative")
def forgets_to_divide(analytic, numeric):
    return np.abs(analytic - numeric)


@wrong("relative_error", says="the sum stands below the line")
def divides_by_the_sum(analytic, numeric):
    below = np.abs(analytic) + np.abs(numeric)
    return np.abs(analytic - numeric) / np.where(below == 0, 1, below)


@wrong("relative_error", says="only the analytic gradient stands below the line")
def divides_by_the_analytic(analytic, numeric):
    return np.abs(analytic - numeric) / np.abs(analytic)


@wrong("relative_error", says="0 is divided by 0")
def divides_nothing_by_nothing(analytic, numeric):
    return np.abs(analytic - numeric) / np.maximum(np.abs(analytic), np.abs(numeric))


@wrong("relative_error", says="the sign of the difference is kept")
def forgets_the_absolute_value(analytic, numeric):
    larger = np.maximum(np.abs(analytic), np.abs(numeric))
    return (analytic - numeric) / np.where(larger == 0, 1, larger)


@wrong("relative_error", says="size does not matter")
def adds_a_little_below_the_line(analytic, numeric):
    larger = np.maximum(np.abs(analytic), np.abs(numeric))
    return np.abs(analytic - numeric) / (larger + 1e-8)


@wrong("relative_error", says="a NumPy array of shape (2,)")
def answers_with_one_number(analytic, numeric):
    return float(np.abs(analytic - numeric).max())


RIGHT = {
    "Patient1": "sign",
    "Patient2": "batch_mean",
    "Patient3": "relu_mask",
    "Patient4": "missing_term",
}


@wrong("diagnosis", says="Patient1 does not suffer from 'factor'")
def takes_the_sign_for_a_factor():
    return RIGHT | {"Patient1": "factor"}


@wrong("diagnosis", says="by which factor")
def takes_the_mean_for_a_missing_sum():
    return RIGHT | {"Patient2": "sum_missing"}


@wrong("diagnosis", says="Compare the signs of x and of dy")
def does_not_see_the_mask():
    return RIGHT | {"Patient3": "wrong_array"}


@wrong("diagnosis", says="Which rule has two terms")
def takes_the_missing_term_for_the_chain_rule():
    return RIGHT | {"Patient4": "chain_rule"}


@wrong("diagnosis", says="did you mean 'missing_term'?")
def misspells_a_cause():
    return RIGHT | {"Patient4": "missing_terms"}


@wrong("diagnosis", says="expected the keys Patient1")
def forgets_a_patient():
    return {"Patient1": "sign"}


@wrong("diagnosis", says="got list")
def answers_with_a_list():
    return list(RIGHT.values())


@wrong("mended_scale", says="dgain is a mean, not a sum")
def leaves_it_broken(x, gain, dy):
    return dy * gain, (dy * x).mean(axis=(0, 1, 2))


@wrong("mended_scale", says="dgain is divided by the batch")
def divides_by_the_batch(x, gain, dy):
    return dy * gain, (dy * x).sum(axis=(0, 1, 2)) / len(x)


@wrong("mended_scale", says="the gain is forgotten on the way to dx")
def forgets_the_gain(x, gain, dy):
    return dy, (dy * x).sum(axis=(0, 1, 2))


@wrong("mended_scale", says="dgain is the sum of dy alone")
def forgets_x(x, gain, dy):
    return dy * gain, dy.sum(axis=(0, 1, 2))


@wrong("mended_scale", says="the columns are left standing, the channels summed")
def sums_the_wrong_axes(x, gain, dy):
    return dy * gain, (dy * x).sum(axis=(0, 1, 3))


@wrong("mended_scale", says="the gain is multiplied into dgain")
def multiplies_the_gain_in(x, gain, dy):
    return dy * gain, (dy * x * gain).sum(axis=(0, 1, 2))
