/** Who has the memory: every frame of the machine in exactly one row. */
@NullMarked
package io.pagewalk.observe.ledger;

import org.jspecify.annotations.NullMarked;
