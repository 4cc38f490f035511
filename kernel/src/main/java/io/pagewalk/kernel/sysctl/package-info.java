/**
 * The settings under {@code /proc/sys/vm}: names, defaults and limits of Linux 6.18 ({@code kernel/sysctl.c}, {@code mm/*.c}).
 *
 * <p>Values only; whoever uses a setting reads it, and boot derives those that depend on the machine's size.
 */
@NullMarked
package io.pagewalk.kernel.sysctl;

import org.jspecify.annotations.NullMarked;
