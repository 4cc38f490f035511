/**
 * Small operating systems of the ways before paging, and paging itself behind the same door, so that one history of programs can run on all of them.
 *
 * <p>{@link io.pagewalk.lab.experiment.oldways.FlatSystem} relocates programs at load into one physical space without protection;
 * {@link io.pagewalk.lab.experiment.oldways.RealModeSystem} gives each segment a paragraph number;
 * {@link io.pagewalk.lab.experiment.oldways.DescriptorSystem} keeps a GDT and an LDT per program in memory and may move segments;
 * {@link io.pagewalk.lab.experiment.oldways.PagingSystem} is the modelled Linux with brk, mmap, mremap and munmap. The first three place variable segments by
 * {@link io.pagewalk.lab.experiment.oldways.VariablePartitions}.
 *
 * <p>Why here: these are operating systems but none is Linux, so the kernel module, one package per Linux concept, has no place for them; the hardware module holds
 * their mechanism ({@code hardware.segmentation}) and places nothing. They exist for experiments, so they stand beside them. Simplified: one CPU, no swapping,
 * no shared segments, programs come from nowhere.
 */
@NullMarked
package io.pagewalk.lab.experiment.oldways;

import org.jspecify.annotations.NullMarked;
