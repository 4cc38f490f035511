/**
 * Mutation check: bugs planted into the model's compiled classes, one at a time, that random histories must find.
 *
 * <p>The production code knows nothing of it. A {@link io.pagewalk.oracle.mutants.MutantLoader} defines all classes of the model anew and changes one method of one of them on the way.
 */
@NullMarked
package io.pagewalk.oracle.mutants;

import org.jspecify.annotations.NullMarked;
