"""Where HDF5 keeps many links or attributes of one object: a heap, and a tree of what is in it.

The tree (a B-tree of version 2) has a record for each piece, the record a name of the piece in the
heap (a "fractal heap"), and the heap the piece. A group of more than eight links looks like this.
Source: The HDF Group, "HDF5 File Format Specification Version 3.0", III.A.2 and III.G.
"""

from collections.abc import Iterator

from minicnn.saving.hdf5.blocks import UNDEFINED, Blocks, Cursor, HDF5Error, begun, check

_HUGE_OBJECTS, LINKS_BY_NAME, ATTRIBUTES_BY_NAME = 1, 5, 8  # kinds of trees
#: kind of tree -> (bytes of a record, where in it the piece is named)
_RECORDS = {_HUGE_OBJECTS: (24, 0), LINKS_BY_NAME: (11, 4), ATTRIBUTES_BY_NAME: (17, 0)}
_MAX_DEPTH = 8


def pieces(blocks: Blocks, heap: int, tree: int, kind: int) -> Iterator[bytes]:
    """The pieces that a tree names, links or attributes as messages.

    Args:
        blocks: the file.
        heap: address of the heap; undefined if there are none.
        tree: address of the tree.
        kind: LINKS_BY_NAME or ATTRIBUTES_BY_NAME.
    """
    if heap == UNDEFINED:
        return
    store = _Heap(blocks, heap)
    start = _RECORDS[kind][1]
    for record in _records(blocks, tree, kind):
        yield store.piece(record[start : start + store.name_size])


# -- the tree -----------------------------------------------------------------------------------


def _records(blocks: Blocks, address: int, kind: int) -> Iterator[bytes]:
    header = blocks.checked(address, 38, b"BTHD")
    header.only(1, 0)
    header.only(1, kind)
    node_size, record_size = header.number(4), header.only(2, _RECORDS[kind][0])
    depth = header.number(2)
    header.take(2)
    root, count, total = header.number(8), header.number(2), header.number(8)
    if depth > _MAX_DEPTH or node_size < 64:
        raise HDF5Error(f"a tree of depth {depth} with nodes of {node_size} bytes")
    widths = _widths(node_size, record_size, depth)
    found = 0
    if count:
        for record in _below(blocks, root, count, depth, kind, widths):
            found += 1
            yield record
    if found != total:
        raise HDF5Error(f"a tree has {found} records instead of {total}")


def _widths(node_size: int, record_size: int, depth: int) -> list[tuple[int, int]]:
    """For each level: bytes of "records in that child" and of "records below that child"."""
    most = (node_size - 10) // record_size
    below, counts = most, _bytes_for(most)
    widths = [(0, 0)]
    for level in range(1, depth + 1):
        all_below = _bytes_for(below) if level > 1 else 0
        widths.append((counts, all_below))
        pointer = 8 + counts + all_below
        most = (node_size - 10 - pointer) // (record_size + pointer)
        below = (most + 1) * below + most
    return widths


def _below(
    blocks: Blocks, address: int, count: int, level: int, kind: int, widths: list[tuple[int, int]]
) -> Iterator[bytes]:
    size = _RECORDS[kind][0]
    pointer = 8 + sum(widths[level])
    length = 6 + count * size + ((count + 1) * pointer if level else 0) + 4
    node = blocks.checked(address, length, b"BTIN" if level else b"BTLF")
    node.only(1, 0)
    node.only(1, kind)
    yield from (node.take(size) for _ in range(count))
    if level:
        for _ in range(count + 1):
            child, child_count = node.number(8), node.number(widths[level][0])
            node.take(widths[level][1])
            yield from _below(blocks, child, child_count, level - 1, kind, widths)


def _bytes_for(number: int) -> int:
    """How many bytes HDF5 gives to numbers up to this one."""
    return max(number.bit_length() - 1, 0) // 8 + 1


# -- the heap -----------------------------------------------------------------------------------


class _Heap:
    """Pieces in direct blocks: two rows of the first size, then each row twice as large."""

    def __init__(self, blocks: Blocks, address: int) -> None:
        self._blocks, self._address = blocks, address
        header = blocks.checked(address, 146, b"FRHP")
        header.only(1, 0)
        self.name_size = header.number(2)
        header.only(2, 0)  # bytes about filters: heaps are not compressed
        self._summed = bool(header.number(1) & 0x02)  # direct blocks have checksums
        largest_piece = header.number(4)
        header.take(8)
        self._huge_tree = header.number(8)
        header.take(80)
        self._width, self._first, self._largest = (header.number(n) for n in (2, 8, 8))
        bits = header.number(2)
        header.take(2)
        self._root, self._rows = header.number(8), header.number(2)
        if not 0 < self._first <= self._largest <= 1 << 24 or not 0 < self._width <= 64:
            raise HDF5Error("a heap has blocks of impossible sizes")
        self._offset_size = (bits + 7) // 8
        self._length_size = min(
            ((self._largest.bit_length() - 1) + 7) // 8, _bytes_for(largest_piece)
        )
        self._places: list[tuple[int, int, int]] | None = None  # heap offset, size, address
        self._contents: dict[int, bytes] = {}

    def piece(self, name: bytes) -> bytes:
        """The piece of this name."""
        if not name:
            raise HDF5Error("a piece of a heap without a name")
        kind = name[0] & 0xF0
        if kind == 0x00:
            cursor = Cursor(name[1:])
            return self._managed(cursor.number(self._offset_size), cursor.number(self._length_size))
        if kind == 0x10:
            return self._huge(name[1:])
        raise HDF5Error(f"a heap names a piece in a way ({kind:#x}) that links do not need")

    def _managed(self, offset: int, length: int) -> bytes:
        if self._places is None:
            self._places = self._direct_blocks()
        for start, size, address in self._places:
            if start <= offset and offset + length <= start + size:
                content = self._block(start, size, address)
                return content[offset - start : offset - start + length]
        raise HDF5Error(f"a heap has no piece at {offset}")

    def _huge(self, key: bytes) -> bytes:
        for record in _records(self._blocks, self._huge_tree, _HUGE_OBJECTS):
            if record[16 : 16 + len(key)] == key:
                place = Cursor(record)
                return self._blocks.read(place.number(8), place.number(8))
        raise HDF5Error("a heap lacks a piece that it names")

    def _block(self, start: int, size: int, address: int) -> bytes:
        if start not in self._contents:
            content = self._blocks.read(address, size)
            block = begun(content, b"FHDB")
            block.only(1, 0)
            block.only(8, self._address)
            block.only(self._offset_size, start)
            if self._summed:
                self._blocks.spend(3 * size)
                place = 13 + self._offset_size  # the sum is of the block with zeros in its place
                stored = block.take(4)
                check(content[:place] + bytes(4) + content[place + 4 :], stored)
            self._contents[start] = content
        return self._contents[start]

    def _direct_blocks(self) -> list[tuple[int, int, int]]:
        """(heap offset, size, address) of every direct block."""
        if self._rows == 0:
            return [(0, self._first, self._root)]
        sizes = [self._first << max(row - 1, 0) for row in range(min(self._rows, 40))]
        if sizes[-1] > self._largest:
            raise HDF5Error("a heap is larger than the links of any model")
        count = len(sizes) * self._width
        length = 13 + self._offset_size + 8 * count + 4
        table = self._blocks.checked(self._root, length, b"FHIB")
        table.only(1, 0)
        table.only(8, self._address)
        table.only(self._offset_size, 0)
        places, offset = [], 0
        for size in sizes:
            for _ in range(self._width):
                address = table.number(8)
                if address != UNDEFINED:
                    places.append((offset, size, address))
                offset += size
        return places
