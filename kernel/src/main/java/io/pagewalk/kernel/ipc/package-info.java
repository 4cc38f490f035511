/**
 * System V shared memory: {@code ipc/shm.c} with the identifiers of {@code ipc/util.c}.
 *
 * <p>A segment is an unlinked file in memory; each attachment is an open file of its own on it, so that attachments never merge. Simplified: there is one IPC namespace,
 * every caller is root, segments of huge pages are refused. Times are seconds since boot. Neighbours: {@code shmem} makes the files, {@code vma} maps them.
 */
@NullMarked
package io.pagewalk.kernel.ipc;

import org.jspecify.annotations.NullMarked;
