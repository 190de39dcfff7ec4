"""Windows of an image as the rows of a matrix, an image with a border, and the adjoints.

x and dx are (N, H, W C): a run of neighbouring pixels is a run of memory. Loops run from 0 over
slices, which lets the compiler use vector instructions: an index like k + e might be negative,
and then Python counts from the end. ``plan`` is that of ``conv.py``.
"""

from minicnn.backends.numba_cpu.caching import part


@part()
def clear(a):
    """a (n,) = 0. In a parallel kernel itself, a[:] = 0 would be made parallel, too."""
    for i in range(a.shape[0]):
        a[i] = 0


@part(error_model="numpy")
def inside(start, size, step, length):
    """The i in [0, size) whose start + i step is in [0, length): from the first to the second."""
    return max(0, -(start // step)), max(0, min(size, -((start - length) // step)))


@part()
def im2col(x, n, c0, plan, cols, r):
    """Windows of image n, CG channels from c0 on, become rows r, r + 1, ... of cols (rows, K)."""
    C, groups, _, KH, KW, SH, SW, DH, DW, top, left, OH, OW, _ = plan
    H, W, CG = x.shape[1], x.shape[2] // C, C // groups
    for oh in range(OH):
        h0 = oh * SH - top
        i0, i1 = inside(h0, KH, DH, H)
        for ow in range(OW):
            w0 = ow * SW - left
            one_run = CG == C and DW == 1 and w0 >= 0 and w0 + KW <= W
            if i0 > 0 or i1 < KH or not one_run:
                clear(cols[r])
            for i in range(i0, i1):
                row, h = cols[r, i * KW * CG :], h0 + i * DH
                if one_run:
                    pixels = x[n, h, w0 * C :]
                    for e in range(KW * CG):
                        row[e] = pixels[e]
                    continue
                j0, j1 = inside(w0, KW, DW, W)
                for j in range(j0, j1):
                    to, pixel = row[j * CG :], x[n, h, (w0 + j * DW) * C + c0 :]
                    for c in range(CG):
                        to[c] = pixel[c]
            r += 1


@part()
def col2im(dcols, r, dx, n, c0, plan):
    """The adjoint of ``im2col``: every row is added back where it came from."""
    C, groups, _, KH, KW, SH, SW, DH, DW, top, left, OH, OW, _ = plan
    H, W, CG = dx.shape[1], dx.shape[2] // C, C // groups
    for oh in range(OH):
        h0 = oh * SH - top
        i0, i1 = inside(h0, KH, DH, H)
        for ow in range(OW):
            w0 = ow * SW - left
            one_run = CG == C and DW == 1 and w0 >= 0 and w0 + KW <= W
            for i in range(i0, i1):
                row, h = dcols[r, i * KW * CG :], h0 + i * DH
                if one_run:
                    pixels = dx[n, h, w0 * C :]
                    for e in range(KW * CG):
                        pixels[e] += row[e]
                    continue
                j0, j1 = inside(w0, KW, DW, W)
                for j in range(j0, j1):
                    add, pixel = row[j * CG :], dx[n, h, (w0 + j * DW) * C + c0 :]
                    for c in range(CG):
                        pixel[c] += add[c]
            r += 1


@part()
def im2col_t(x, n, c0, plan, planes, cols, p):
    """The same for SW = 1, transposed: windows become columns p, p + 1, ... of cols (K, columns).

    ``planes`` (CG, top + H + bottom, left + W + right) takes the image, padded, channel first.
    """
    C, groups, _, KH, KW, SH, _, DH, DW, top, left, OH, OW, _ = plan
    H, W, CG = x.shape[1], x.shape[2] // C, C // groups
    planes[:] = 0
    for c in range(CG):
        for h in range(H):
            to, pixels = planes[c, top + h, left:], x[n, h, c0 + c :]
            for w in range(W):
                to[w] = pixels[w * C]
    for i in range(KH):
        for j in range(KW):
            for c in range(CG):
                k = (i * KW + j) * CG + c
                for oh in range(OH):
                    row, pixels = cols[k, p + oh * OW :], planes[c, oh * SH + i * DH, j * DW :]
                    for ow in range(OW):
                        row[ow] = pixels[ow]


@part()
def col2im_t(dcols, p, planes, dx, n, c0, plan):
    """The adjoint of ``im2col_t``."""
    C, groups, _, KH, KW, SH, _, DH, DW, top, left, OH, OW, _ = plan
    H, W, CG = dx.shape[1], dx.shape[2] // C, C // groups
    planes[:] = 0
    for i in range(KH):
        for j in range(KW):
            for c in range(CG):
                k = (i * KW + j) * CG + c
                for oh in range(OH):
                    row, pixels = dcols[k, p + oh * OW :], planes[c, oh * SH + i * DH, j * DW :]
                    for ow in range(OW):
                        pixels[ow] += row[ow]
    for c in range(CG):
        for h in range(H):
            pixels, row = dx[n, h, c0 + c :], planes[c, top + h, left:]
            for w in range(W):
                pixels[w * C] = row[w]


# -- an image with a border of zeros, and the adjoint: what is inside -----------------------------
# Images are (H, W C), so that a row is one run of memory.


@part()
def with_border(image, top, before, padded):
    """padded (rows, columns C) = the image with zeros around it, cut where it is too long.

    The image itself if it has no border and is as large as ``padded``, or larger. ``before`` is the
    border on the left, times the channels.
    """
    large = len(image) >= len(padded) and image.shape[1] >= padded.shape[1]
    if top == 0 and before == 0 and large:
        return image
    clear(padded.reshape(-1))
    run = min(padded.shape[1] - before, image.shape[1])
    for h in range(min(len(padded) - top, len(image))):
        to, pixels = padded[top + h, before:], image[h]
        for e in range(run):
            to[e] = pixels[e]
    return padded


@part()
def pad_adjoint(dpadded, top, before, dimage):
    """dimage = what is inside the border; 0 where the image was cut."""
    run = min(dpadded.shape[1] - before, dimage.shape[1])
    clear(dimage.reshape(-1))
    for h in range(min(len(dpadded) - top, len(dimage))):
        to, inside = dimage[h], dpadded[top + h, before:]
        for e in range(run):
            to[e] = inside[e]
