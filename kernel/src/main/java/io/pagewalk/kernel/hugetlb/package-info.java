/**
 * Huge pages from pools, and the files made of them: {@code mm/hugetlb.c} and {@code fs/hugetlbfs/inode.c}.
 *
 * <pre>
 *   HugePools      the sizes of a machine, each a HugePool: free, reserved and surplus pages
 *   ResvMap        which pages of a file or of a private area are promised, Subpool the limits of a mount
 *   HugetlbFiles   mounts and files; HugetlbInode has a file's pages
 *   HugetlbFaults  faults and copy-on-write; HugetlbTables everything else that calls do to entries
 *   HugetlbUserfaults  what a reader of userfaultfd puts into places
 *   HugetlbMigration  moves pages between nodes
 * </pre>
 *
 * <p>A page of a pool belongs to {@link io.pagewalk.kernel.page.FrameOwner#HUGETLB} for as long as it is one. It stands on no LRU list and counts neither as anonymous nor
 * as file memory.
 *
 * <p>Simplified: tables are not shared between processes ({@code huge_pmd_share()}), struct pages are never freed (HVO), there is no
 * demotion and no cgroup; compaction leaves pages of pools where they are; pages that are free have one reference; reservation maps cost no kernel memory; gigantic pages of the command line come from the
 * page allocator after boot instead of memblock. Neighbours: {@code fault} has the tables and calls in here for faults, {@code system} wires both.
 */
@NullMarked
package io.pagewalk.kernel.hugetlb;

import org.jspecify.annotations.NullMarked;
