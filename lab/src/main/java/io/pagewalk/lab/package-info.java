/**
 * Questions about whole systems: a machine described ({@code machines}), a workload run on it and reported ({@code run}).
 *
 * <p>Many systems, one question. The layers below know one machine; nothing below knows this package. Its resource {@code LINUX_VERSION} is the
 * file at the root of the project, the one home of the modelled kernel's version.
 */
@NullMarked
package io.pagewalk.lab;

import org.jspecify.annotations.NullMarked;
