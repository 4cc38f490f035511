package io.pagewalk.oracle.mutants;

import java.lang.classfile.CodeBuilder;
import java.lang.classfile.CodeElement;
import java.lang.classfile.Opcode;
import java.lang.classfile.TypeKind;
import java.lang.classfile.instruction.BranchInstruction;
import java.lang.classfile.instruction.ConstantInstruction;
import java.lang.classfile.instruction.FieldInstruction;
import java.lang.classfile.instruction.InvokeInstruction;
import java.lang.classfile.instruction.OperatorInstruction;
import java.lang.constant.ClassDesc;
import java.lang.constant.ConstantDesc;
import java.lang.constant.ConstantDescs;
import java.lang.constant.MethodTypeDesc;
import java.util.List;

/** A change of one instruction of a method. */
sealed interface Edit {
    /** What is known when an instruction is reached. */
    record Place(CodeElement element, List<CodeElement> before) {
        /** The name of the method or field whose value this comparison looks at last, or nothing. */
        String operand() {
            int at = before.size() - 1;
            if (at >= 0 && before.get(at) instanceof OperatorInstruction operator && operator.opcode() == Opcode.LCMP) {
                at--;
            }
            if (at >= 0 && before.get(at) instanceof ConstantInstruction) {
                at--;
            }
            if (at >= 0 && before.get(at) instanceof InvokeInstruction call) {
                return call.name().stringValue();
            }
            return at >= 0 && before.get(at) instanceof FieldInstruction field
                    ? field.name().stringValue()
                    : "";
        }
    }

    /** Whether the instruction is of the kind that is meant. */
    boolean matches(Place place);

    /** Puts something else in its place. */
    void emit(CodeBuilder code, CodeElement element);

    /** The calls of a method do not happen; their value, if any, is a constant. */
    record Drop(String method, int value) implements Edit {
        @Override
        public boolean matches(Place place) {
            return place.element() instanceof InvokeInstruction call
                    && call.name().stringValue().equals(method);
        }

        @Override
        public void emit(CodeBuilder code, CodeElement element) {
            InvokeInstruction call = (InvokeInstruction) element;
            MethodTypeDesc type = call.typeSymbol();
            for (ClassDesc argument : type.parameterList().reversed()) {
                pop(code, TypeKind.from(argument));
            }
            if (call.opcode() != Opcode.INVOKESTATIC) {
                code.pop();
            }
            switch (TypeKind.from(type.returnType())) {
                case VOID -> {}
                case LONG -> code.loadConstant((long) value);
                case REFERENCE -> code.loadConstant((ConstantDesc) null);
                default -> code.loadConstant(value);
            }
        }

        private static void pop(CodeBuilder code, TypeKind kind) {
            if (kind.slotSize() == 2) {
                code.pop2();
            } else {
                code.pop();
            }
        }
    }

    /** The calls of a method go to another one of the same owner and type. */
    record Redirect(String method, String other) implements Edit {
        @Override
        public boolean matches(Place place) {
            return place.element() instanceof InvokeInstruction call
                    && call.name().stringValue().equals(method);
        }

        @Override
        public void emit(CodeBuilder code, CodeElement element) {
            InvokeInstruction call = (InvokeInstruction) element;
            code.invoke(call.opcode(), call.owner().asSymbol(), other, call.typeSymbol(), call.isInterface());
        }
    }

    /** A number is another one. */
    record Constant(long from, long to) implements Edit {
        @Override
        public boolean matches(Place place) {
            return place.element() instanceof ConstantInstruction constant
                    && constant.constantValue() instanceof Number number
                    && (number instanceof Integer || number instanceof Long)
                    && number.longValue() == from;
        }

        @Override
        public void emit(CodeBuilder code, CodeElement element) {
            if (((ConstantInstruction) element).typeKind() == TypeKind.LONG) {
                code.loadConstant(to);
            } else {
                code.loadConstant((int) to);
            }
        }
    }

    /** A constant of an enum is another one. */
    record EnumConstant(String from, String to) implements Edit {
        @Override
        public boolean matches(Place place) {
            return place.element() instanceof FieldInstruction field
                    && field.opcode() == Opcode.GETSTATIC
                    && field.name().stringValue().equals(from);
        }

        @Override
        public void emit(CodeBuilder code, CodeElement element) {
            FieldInstruction field = (FieldInstruction) element;
            code.getstatic(field.owner().asSymbol(), to, field.typeSymbol());
        }
    }

    /**
     * A comparison comes out in another way.
     *
     * @param operand the method or field whose value is compared, empty for every comparison of the method
     * @param how what becomes of the conditional jump
     */
    record Compare(String operand, How how) implements Edit {
        /** What becomes of a conditional jump. */
        enum How {
            /** It never jumps. */
            NEVER,
            /** It always jumps. */
            ALWAYS,
            /** Less becomes less or equal, and so on. */
            SHIFT
        }

        @Override
        public boolean matches(Place place) {
            return place.element() instanceof BranchInstruction branch
                    && branch.opcode() != Opcode.GOTO
                    && branch.opcode() != Opcode.GOTO_W
                    && (operand.isEmpty() || place.operand().equals(operand));
        }

        @Override
        public void emit(CodeBuilder code, CodeElement element) {
            BranchInstruction branch = (BranchInstruction) element;
            if (how == How.SHIFT) {
                code.branch(shifted(branch.opcode()), branch.target());
                return;
            }
            code.pop();
            if (isOfTwo(branch.opcode())) {
                code.pop();
            }
            if (how == How.ALWAYS) {
                code.goto_(branch.target());
            }
        }

        private static boolean isOfTwo(Opcode opcode) {
            return switch (opcode) {
                case IF_ICMPEQ, IF_ICMPNE, IF_ICMPLT, IF_ICMPGE, IF_ICMPGT, IF_ICMPLE, IF_ACMPEQ, IF_ACMPNE -> true;
                default -> false;
            };
        }

        private static Opcode shifted(Opcode opcode) {
            return switch (opcode) {
                case IFLT -> Opcode.IFLE;
                case IFLE -> Opcode.IFLT;
                case IFGT -> Opcode.IFGE;
                case IFGE -> Opcode.IFGT;
                case IF_ICMPLT -> Opcode.IF_ICMPLE;
                case IF_ICMPLE -> Opcode.IF_ICMPLT;
                case IF_ICMPGT -> Opcode.IF_ICMPGE;
                case IF_ICMPGE -> Opcode.IF_ICMPGT;
                default -> throw new IllegalArgumentException("no border in " + opcode);
            };
        }
    }

    /** The method does nothing but return a number. */
    record Return(int value) implements Edit {
        @Override
        public boolean matches(Place place) {
            return place.before().isEmpty();
        }

        @Override
        public void emit(CodeBuilder code, CodeElement element) {
            throw new IllegalStateException("the whole method is replaced");
        }

        void emitBody(CodeBuilder code, ClassDesc type) {
            if (type.equals(ConstantDescs.CD_void)) {
                code.return_();
            } else if (type.equals(ConstantDescs.CD_long)) {
                code.loadConstant((long) value);
                code.lreturn();
            } else {
                code.loadConstant(value);
                code.ireturn();
            }
        }
    }

    /** The calls of a static method of two numbers ask for greater or equal where they asked for greater. */
    record AtLeast(String method) implements Edit {
        @Override
        public boolean matches(Place place) {
            return place.element() instanceof InvokeInstruction call
                    && call.name().stringValue().equals(method);
        }

        @Override
        public void emit(CodeBuilder code, CodeElement element) {
            code.invokestatic(
                    ClassDesc.of("java.lang.Long"),
                    "compareUnsigned",
                    MethodTypeDesc.of(ConstantDescs.CD_int, ConstantDescs.CD_long, ConstantDescs.CD_long));
            code.ifThenElse(Opcode.IFGE, yes -> yes.loadConstant(1), no -> no.loadConstant(0));
        }
    }
}
