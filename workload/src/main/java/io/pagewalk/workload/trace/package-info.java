/** The trace of one program: what it is made of, and the {@code .pwt} file format that keeps it. */
@NullMarked
package io.pagewalk.workload.trace;

import org.jspecify.annotations.NullMarked;
