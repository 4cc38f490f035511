package io.pagewalk.kernel.slub;

import java.util.ArrayList;
import java.util.List;
import java.util.regex.Pattern;

/**
 * The named caches that a 6.18 kernel on x86-64 makes while it boots, in the order of {@code /proc/slabinfo} read from its end.
 *
 * <p>Sizes, alignments, flags, constructors and usercopy regions are those of a running 6.18.44 with memory cgroups, as its {@code /sys/kernel/slab} shows them. Caches that share slabs with others
 * there have the size of the shared cache, which is theirs up to padding. Caches of optional drivers and file systems other than ext4 are left out.
 *
 * <p>Differs from Linux: machines of other architectures have the x86-64 sizes.
 */
public final class BootCaches {
    private static final Pattern SPACES = Pattern.compile(" +");

    /** Name, bytes, alignment, flags, constructor, start and length of the usercopy region, objects of a sheaf, and, where users set a word aside, place of the free pointer. H: cache lines, R: reclaimable, A: accounted, T: type-safe by RCU, N: never merged. */
    private static final String TABLE = """
            vmap_area                   72    0 -     0   0     0   0
            mm_struct                 1568    0 HA    0   0   448   0
            maple_node                 256  256 -     0   0     0  32
            task_group                 704   64 -     0   0     0   0
            radix_tree_node            576    0 R     1   0     0   0
            pool_workqueue             512  256 -     0   0     0   0
            ftrace_event_field          56    0 -     0   0     0   0
            trace_event_file            96    0 -     0   0     0   0
            numa_policy                288    0 -     0   0     0   0
            shared_policy_node          48    0 -     0   0     0   0
            pid                        184    0 HA    0   0     0   0
            cred                       184    0 HA    0   0     0   0
            anon_vma                    96    0 AT    1   0     0   0
            anon_vma_chain              64    0 A     0   0     0   0
            fs_cache                    64    0 A     0   0     0   0
            task_struct               5840   64 A     0   0  2448   0
            sighand_cache             2080    0 HAT   1   0     0   0
            signal_cache              1152    0 HA    0   0     0   0
            files_cache                704    0 HA    0   0     0   0
            vm_area_struct             192    0 HAT   0   0     0  32   0
            nsproxy                     72    0 A     0   0     0   0
            uts_namespace              488    0 -     0   0   390   0
            key_jar                    256    0 H     0   0     0   0
            names_cache               4096    0 H     0   0  4096   0
            dentry                     192    0 RA    0  56    40   0
            inode_cache                616    0 RA    1   0     0   0
            filp                       184    0 HAT   0   0     0   0 144
            bfilp                      208    0 HT    0   0     0   0 184
            mnt_cache                  384    0 HA    0   0     0   0
            kernfs_node_cache          136    0 -     0   0     0   0
            shmem_inode_cache          744    0 A     1   0     0   0
            sigqueue                    80    0 A     0   0     0   0
            seq_file                   120    0 A     0   0     0   0
            proc_inode_cache           688    0 RA    1   0     0   0
            pde_opener                  40    0 A     0   0     0   0
            proc_dir_entry             192    0 -     0   0    24   0
            mem_cgroup                2184    0 H     0   0     0   0
            taskstats                  560    0 -     0   0     0   0
            task_delay_info            256    0 A     0   0     0   0
            buffer_head                104    0 R     0   0     0   0
            file_lock_cache            192    0 -     0   0     0   0
            file_lease_cache           160    0 -     0   0     0   0
            skbuff_head_cache          224    0 H     0  40    48   0
            skbuff_small_head          576    0 H     0   0   256   0
            sock_inode_cache           768    0 HRA   1   0     0   0
            uid_cache                  128    0 H     0   0     0   0
            user_namespace             672    0 A     0   0     0   0
            memdup_user-96              96    0 N     0   0    96   0
            memdup_user-192            192    0 N     0   0   192   0
            memdup_user-8                8    0 N     0   0     8   0
            memdup_user-16              16    0 N     0   0    16   0
            memdup_user-32              32    0 N     0   0    32   0
            memdup_user-64              64    0 N     0   0    64   0
            memdup_user-128            128    0 N     0   0   128   0
            memdup_user-256            256    0 N     0   0   256   0
            memdup_user-512            512    0 N     0   0   512   0
            memdup_user-1k            1024    0 N     0   0  1024   0
            memdup_user-2k            2048    0 N     0   0  2048   0
            memdup_user-4k            4096    0 N     0   0  4096   0
            memdup_user-8k            8192    0 N     0   0  8192   0
            mm_slot                     40    0 -     0   0     0   0
            msg_msg-96                  96    0 N     0   0    48   0
            msg_msg-192                192    0 N     0   0   144   0
            msg_msg-8                    8    0 N     0   0     0   0
            msg_msg-16                  16    0 N     0   0     0   0
            msg_msg-32                  32    0 N     0   0     0   0
            msg_msg-64                  64    0 N     0   0    16   0
            msg_msg-128                128    0 N     0   0    80   0
            msg_msg-256                256    0 N     0   0   208   0
            msg_msg-512                512    0 N     0   0   464   0
            msg_msg-1k                1024    0 N     0   0   976   0
            msg_msg-2k                2048    0 N     0   0  2000   0
            msg_msg-4k                4096    0 N     0   0  4048   0
            msg_msg-8k                8192    0 N     0   0  4048   0
            biovec-128                2048    0 H     0   0     0   0
            biovec-max                4096    0 H     0   0     0   0
            bio-184                    184    0 HT    0   0     0   0
            blkdev_ioc                  88    0 -     0   0     0   0
            request_queue              984    0 -     0   0     0   0
            dax_cache                  760    0 HR    1   0     0   0
            eventpoll_epi              128    0 HA    0   0     0   0
            ep_head                     16    0 A     0   0     0   0
            bio-264                    264    0 HT    0   0     0   0
            dquot                      208    0 HR    0   0     0   0
            hugetlbfs_inode_cache      624    0 -     1   0     0   0
            TCP                       2304    0 HT    0   0     0   0
            request_sock_TCP           312    0 T     0   0     0   0
            tw_sock_TCP                248    0 T     0   0     0   0
            UDP                       1344    0 HA    0   0     0   0
            RAW                       1152    0 H     0   0     4   0
            PING                      1016    0 HA    0   0     0   0
            ip_fib_alias                56    0 A     0   0     0   0
            ip_fib_trie                 48    0 A     0   0     0   0
            pid_namespace              344    0 A     0   0     0   0
            extent_status               40    0 R     0   0     0   0
            ext4_io_end                 64    0 R     0   0     0   0
            ext4_prealloc_space        112    0 R     0   0     0   0
            ext4_allocation_context    168    0 R     0   0     0   0
            ext4_inode_cache          1120    0 RA    1   0    60   0
            jbd2_revoke_table_s         16    0 R     0   0     0   0
            jbd2_journal_head          112    0 RT    0   0     0   0
            jbd2_transaction_s         192    0 HR    0   0     0   0
            bio-248                    248    0 HT    0   0     0   0
            bio-120                    120    0 HT    0   0     0   0
            TCPv6                     2432    0 HT    0   0     0   0
            request_sock_TCPv6         312    0 T     0   0     0   0
            tw_sock_TCPv6              248    0 T     0   0     0   0
            UDPv6                     1472    0 HA    0   0     0   0
            RAWv6                     1344    0 H     0   0    32   0
            file_lock_ctx               56    0 -     0   0     0   0
            fasync_cache                48    0 A     0   0     0   0
            kernfs_iattrs_cache         80    0 -     0   0     0   0
            posix_timers_cache         384    0 HA    0   0     0   0
            skbuff_fclone_cache        512  256 -     0   0     0   0
            skbuff_ext_cache           192    0 -     0   0     0   0
            biovec-16                  256    0 H     0   0     0   0
            biovec-64                 1024    0 H     0   0     0   0
            sgpool-8                   256    0 H     0   0     0   0
            sgpool-16                  512  256 -     0   0     0   0
            sgpool-32                 1024    0 H     0   0     0   0
            sgpool-64                 2048    0 H     0   0     0   0
            sgpool-128                4096    0 H     0   0     0   0
            UNIX                      1152    0 HA    0   0     0   0
            UNIX-STREAM               1152    0 HA    0   0     0   0
            eventpoll_pwq               64    0 A     0   0     0   0
            ksm_rmap_item               64    0 H     0   0     0   0
            ksm_stable_node             64    0 H     0   0     0   0
            ksm_mm_slot                 48    0 -     0   0     0   0
            inotify_inode_mark          80    0 A     0   0     0   0
            """;

    private BootCaches() {}

    /** Returns what boot asks for, in order. */
    public static List<CacheRequest> requests() {
        List<CacheRequest> requests = new ArrayList<>();
        for (String line : TABLE.lines().toList()) {
            String[] column = SPACES.split(line.strip(), -1);
            ObjectConstructor constructor = column[4].equals("1") ? vaddr -> {} : null;
            requests.add(new CacheRequest(
                    column[0],
                    Integer.parseInt(column[1]),
                    Integer.parseInt(column[2]),
                    flags(column[3]),
                    constructor,
                    Integer.parseInt(column[5]),
                    Integer.parseInt(column[6]),
                    Integer.parseInt(column[7]),
                    column.length > 8 ? Integer.parseInt(column[8]) : CacheRequest.NOWHERE));
        }
        return requests;
    }

    /**
     * Makes all of them.
     *
     * @param slabs a booted allocator
     */
    public static void create(SlabAllocator slabs) {
        requests().forEach(slabs::create);
    }

    private static int flags(String letters) {
        int flags = 0;
        for (int i = 0; i < letters.length(); i++) {
            flags |= switch (letters.charAt(i)) {
                case 'H' -> SlabFlags.HWCACHE_ALIGN;
                case 'R' -> SlabFlags.RECLAIM_ACCOUNT;
                case 'A' -> SlabFlags.ACCOUNT;
                case 'T' -> SlabFlags.TYPESAFE_BY_RCU;
                case 'N' -> SlabFlags.NO_MERGE;
                default -> SlabFlags.PANIC;
            };
        }
        return flags | SlabFlags.PANIC;
    }
}
