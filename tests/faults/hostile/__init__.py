"""Bad files made from good ones by a seeded generator, and a judge of what the readers do to them.

* ``good``: the good files of each kind, how they are read, and what is in them.
* ``spoil_bytes``, ``spoil_zip``, ``spoil_json``, ``spoil_hdf5``, ``spoil_data``: how they go bad.
* ``generator``: one bad file for each kind and seed, always the same.
* ``judge``: reads bad files in a process of its own and looks at everything a reader may not do.
* ``campaign``: many of them; ``python -m tests.faults.hostile.campaign`` is part of ``make fuzz``.
"""
