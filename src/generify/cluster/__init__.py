"""A scan on many machines: the same questions, answers and files as :mod:`generify.scan`, on Ray.

::

    with open_cluster_scan(["s3://radio/songs"], "results.parquet", model) as scan:
        for result in scan.listen():
            print(result.path, scan.n_done, scan.n_songs)
        summary = scan.finish()

Songs may lie wherever fsspec reads: on a disk that all machines share, or at an address such as
``s3://bucket/folder``, ``gs://bucket/folder``, ``https://host/song.mp3``. What was heard is written
down as by a scan on one machine, so either goes on with what the other began; or into a folder of
partitions, Parquet files of some 1,000 songs. Needs the extra ``ray``; Ray is imported when
listening begins.

In it: :mod:`~generify.cluster.places`, :mod:`~generify.cluster.listening`,
:mod:`~generify.cluster.partitions`, :mod:`~generify.cluster.scanning`.
"""

from __future__ import annotations

from generify.cluster.listening import ClusterError, ClusterPlan
from generify.cluster.scanning import (
    ClusterScan,
    PartitionedScan,
    is_partitioned,
    open_cluster_scan,
)

__all__ = [
    "ClusterError",
    "ClusterPlan",
    "ClusterScan",
    "PartitionedScan",
    "is_partitioned",
    "open_cluster_scan",
]
