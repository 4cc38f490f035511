/** What runs on the machine: recorded traces, how they are recorded, read and replayed. */
@NullMarked
package io.pagewalk.workload;

import org.jspecify.annotations.NullMarked;
