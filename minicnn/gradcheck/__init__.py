"""Checks of hand-written gradients that name the likeliest mistake.

    from minicnn.gradcheck import check_gradients

    report = check_gradients(MyConv, (2, 7, 6, 3), params={"filters": 4, "kernel_size": 3})
    print(report)            # a page: verdict, cause, worst entry, the lines to look at
    report.plot()            # where the errors are
    report.raise_if_failed() # in a test; or assert_gradients(MyConv(4, 3), (2, 7, 6, 3))

The numeric slope is a central difference in float64 with Richardson's extrapolation; at kinks (a
ReLU at 0, ties in a maximum) a gradient anywhere between the slopes to the left and to the right is
right. A gradient that fails is explained by comparing two Jacobians: the one that forward has and
the one that backward claims, probed with one-hot cotangents. Each cause below predicts exactly how
the two differ; where no prediction holds the cause is None.

How well it does: of the 276 broken backwards in ``tests/gradcheck/zoo`` all are found, and the
first cause is right for all. Four sets among them were written after the hypotheses and only then
learnt from: at first sight 35 of 41, 32 of 39, 33 of 37 and 21 of 26 were named right, 85 % in
all; the others mostly had no known cause. None of 10,000 right layers,
with inputs full of ties and zeros among them, was called wrong:
``python benchmarks/gradcheck_false_alarms.py --count 10000 --seed 2024``.

minicnn's own tests use it: every layer, activation and loss by :func:`assert_gradients`, and every
operation of every backend by :func:`directional_errors`, which only measures and explains nothing.

The causes, as ``report.cause`` names them (:data:`CAUSES`):

==========================  ======================================================================
accumulated                 a gradient is added to what earlier calls left
axes_permuted               the axes of an array are in another order than in forward
backward_not_repeatable     backward gives another answer every time
batch_mean                  a mean over batch or positions stands where the sum belongs
batchnorm_mean              the way through the batch's mean is forgotten
batchnorm_variance          the way through the batch's variance is forgotten
bias_forgotten              the bias gets no gradient
chain_rule                  a factor of the chain rule is missing
context_modified            backward changes what forward kept for it
cotangent_ignored           backward does not multiply by the gradient that comes in
cotangent_modified          the gradient that comes in (dy) is written to
dropout_mask                dropout's mask is forgotten, or not the one forward used
dropout_scale               dropout's scale 1 / (1 - rate) is forgotten or wrong
edge_missing                the first or last row, column or sample is left out
extra_term                  something that does not belong there is added
factor                      a constant factor is missing or too much
input_modified              an input or a weight is written to
kernel_flipped              the kernel runs backwards
loss_not_divided            the loss is a mean, its gradient is not divided by the number of terms
missing_term                a term of a sum is missing, as of the product rule
not_repeatable              forward gives another answer every time
overwritten                 contributions overwrite each other where they should add up
padding_side                the padding is taken off, or put on, on the wrong side
pool_ties                   the gradient of a maximum goes to every tied entry
pool_winner                 the gradient of a maximum goes to an entry that did not win
relu_mask                   the mask of a ReLU is missing or taken from the wrong array
shifted                     the gradient is shifted by one
sign                        the sign is wrong
softmax_cross_terms         the terms between different entries of a softmax are wrong
stride_ignored              the stride of forward is not the stride of backward
sum_missing                 a sum is missing
untouched                   the gradient is never set
wrong_array                 a formula is given the wrong array
wrong_axis                  a sum runs over the wrong axis
wrong_dtype                 the dtype of the data is not kept
wrong_shape                 the gradient has another shape than the array
==========================  ======================================================================
"""

from minicnn.gradcheck.api import assert_gradients, check_gradients
from minicnn.gradcheck.causes.table import CAUSES
from minicnn.gradcheck.errors import GradientCheckError
from minicnn.gradcheck.numeric import directional_errors
from minicnn.gradcheck.report import ArrayReport, Finding, Report

__all__ = [
    "CAUSES", "ArrayReport", "Finding", "GradientCheckError", "Report", "assert_gradients",
    "check_gradients", "directional_errors",
]  # fmt: skip
