"""The kernels of convolution; the dense layer is fast for the same reasons.

Why they are fast
    * A thread takes a few images, writes their windows as rows of a matrix in its own buffer (it
      stays in the L2 cache), multiplies with BLAS on that one thread, and applies bias, ReLU and
      pooling while the product is still in the cache. The backward pass builds the rows again:
      cheaper than reading them back from memory.
    * With few channels the first layer of a network builds no matrix at all: its windows are read
      where they are, a few of them for 32 filters at a time, and a row of y is done before the next
      is begun; max-pooling of 2 x 2 finds the sums still in registers (``direct.py``).
    * Where that is not possible (processors other than AMD's with AVX-512, groups, few filters,
      the gradient of the image) the matrix of few channels is kept transposed, (K, P): each of its
      rows is then a run of a shifted image, copied at memory speed, and BLAS takes it transposed at
      no cost.
    * With many channels, kernels of 3 x 3 take Winograd's algorithm: about half the products
      (``transforms.py``). Where no backward call follows, there may be a quarter of them, and of
      those of 2 x 2 kernels a third, at the price of some rounding (``winograd_6x6.py``).
    * ``dw`` is summed inside BLAS (beta = 1), over the images of a chunk. Where the chunks begin
      depends on the shapes alone, and chunks are added in order, so that any number of threads
      gives the same bits.

Sizes: P = OH OW output positions, K = KH KW C // groups entries of a window, T images a tile.
"""
