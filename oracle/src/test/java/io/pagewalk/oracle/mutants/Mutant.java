package io.pagewalk.oracle.mutants;

import java.lang.classfile.ClassFile;
import java.lang.classfile.ClassHierarchyResolver;
import java.lang.classfile.ClassModel;
import java.lang.classfile.ClassTransform;
import java.lang.classfile.CodeElement;
import java.lang.classfile.CodeModel;
import java.lang.classfile.CodeTransform;
import java.lang.classfile.Instruction;
import java.lang.classfile.MethodModel;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/**
 * A planted bug.
 *
 * @param name what people call it
 * @param bug what a kernel with it would do wrong
 * @param className class of the model, below {@code io.pagewalk}
 * @param method its only method of this name with a body that matches
 * @param edit what is changed in it
 * @param nth which of the matching instructions, from 1
 * @param of how many there must be
 */
record Mutant(String name, String bug, String className, String method, Edit edit, int nth, int of) {
    String fullClassName() {
        return "io.pagewalk." + className;
    }

    /**
     * Plants the bug.
     *
     * @param original the class file
     * @param loader finds other classes of the model, for the verifier's frames
     * @return the class file with the bug
     * @throws IllegalStateException when the edit does not match as often as it says
     */
    byte[] apply(byte[] original, ClassLoader loader) {
        ClassFile classFile = ClassFile.of(
                ClassFile.ClassHierarchyResolverOption.of(ClassHierarchyResolver.ofResourceParsing(loader)));
        ClassModel model = classFile.parse(original);
        MethodModel chosen = null;
        List<String> seen = new ArrayList<>();
        int bodies = 0;
        for (MethodModel candidate : model.methods()) {
            if (candidate.methodName().equalsString(method) && candidate.code().isPresent()) {
                int found = count(candidate.code().get());
                seen.add(candidate.methodType().stringValue() + " has " + found);
                if (found == of) {
                    chosen = candidate;
                    bodies++;
                }
            }
        }
        if (chosen == null || bodies != 1) {
            throw new IllegalStateException(String.format(
                    Locale.ROOT,
                    "mutant %s: %s.%s must have %d places of %s: %s",
                    name,
                    className,
                    method,
                    of,
                    edit,
                    seen));
        }
        MethodModel target = chosen;
        return classFile.transformClass(model, ClassTransform.transformingMethodBodies(m -> m == target, code(target)));
    }

    private int count(CodeModel code) {
        List<CodeElement> before = new ArrayList<>();
        int found = 0;
        for (CodeElement element : code) {
            if (element instanceof Instruction) {
                found += edit.matches(new Edit.Place(element, before)) ? 1 : 0;
                before.add(element);
            }
        }
        return found;
    }

    private CodeTransform code(MethodModel target) {
        if (edit instanceof Edit.Return whole) {
            CodeTransform nothing = CodeTransform.ACCEPT_ALL;
            CodeTransform drop = (code, element) -> {};
            return nothing.andThen(drop)
                    .andThen(CodeTransform.endHandler(code ->
                            whole.emitBody(code, target.methodTypeSymbol().returnType())));
        }
        List<CodeElement> before = new ArrayList<>();
        int[] found = new int[1];
        return (code, element) -> {
            boolean isHere = element instanceof Instruction
                    && edit.matches(new Edit.Place(element, before))
                    && ++found[0] == nth;
            if (isHere) {
                edit.emit(code, element);
            } else {
                code.with(element);
            }
            if (element instanceof Instruction) {
                before.add(element);
            }
        };
    }
}
