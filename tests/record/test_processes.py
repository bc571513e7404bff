"""The processes of this package."""

import subprocess
import sys


def test_a_process_of_this_package_ends_without_a_search_for_garbage():
    """At its end Python must not search all objects for cycles, which takes as long as loading some libraries."""
    code = """if True:
        import atexit, gc
        atexit.register(lambda: print(gc.get_freeze_count()))  # called last
        from topo_exp.record.processes import collect_rarely
        collect_rarely()
    """
    done = subprocess.run([sys.executable, "-c", code], check=True, timeout=60, stdout=subprocess.PIPE, text=True)
    assert int(done.stdout) > 1000
