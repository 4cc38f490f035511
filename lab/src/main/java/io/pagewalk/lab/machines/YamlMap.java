package io.pagewalk.lab.machines;

import io.pagewalk.base.BadInput;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.snakeyaml.engine.v2.api.LoadSettings;
import org.snakeyaml.engine.v2.api.lowlevel.Compose;
import org.snakeyaml.engine.v2.exceptions.Mark;
import org.snakeyaml.engine.v2.exceptions.MarkedYamlEngineException;
import org.snakeyaml.engine.v2.exceptions.YamlEngineException;
import org.snakeyaml.engine.v2.nodes.MappingNode;
import org.snakeyaml.engine.v2.nodes.Node;
import org.snakeyaml.engine.v2.nodes.NodeTuple;
import org.snakeyaml.engine.v2.nodes.ScalarNode;
import org.snakeyaml.engine.v2.nodes.SequenceNode;

/** A YAML mapping whose every complaint names the file and the line. */
final class YamlMap {
    private final String file;
    private final Node node;
    private final Map<String, Node> values;

    private YamlMap(String file, Node node, Map<String, Node> values) {
        this.file = file;
        this.node = node;
        this.values = values;
    }

    /** Reads a document that must be a mapping. */
    static YamlMap parse(String file, String text) {
        try {
            Optional<Node> root =
                    new Compose(LoadSettings.builder().setLabel(file).build()).composeString(text);
            if (root.isEmpty()) {
                throw new BadInput(file + ":1", "an empty file", "a machine description");
            }
            return of(file, root.get());
        } catch (MarkedYamlEngineException e) {
            int line = e.getProblemMark().map(Mark::getLine).orElse(0) + 1;
            throw new BadInput(file + ":" + line, oneLine(e.getProblem()), "YAML");
        } catch (YamlEngineException e) {
            throw new BadInput(file, oneLine(e.getMessage()), "YAML");
        }
    }

    private static YamlMap of(String file, Node node) {
        if (!(node instanceof MappingNode mapping)) {
            throw new BadInput(where(file, node), describe(node), "key: value pairs");
        }
        Map<String, Node> values = new LinkedHashMap<>();
        for (NodeTuple tuple : mapping.getValue()) {
            values.put(scalarText(file, tuple.getKeyNode()), tuple.getValueNode());
        }
        return new YamlMap(file, node, values);
    }

    /** Refuses a key that nobody reads. */
    void allowOnly(Set<String> keys) {
        for (Map.Entry<String, Node> entry : values.entrySet()) {
            if (!keys.contains(entry.getKey())) {
                throw new BadInput(
                        where(file, entry.getValue()),
                        "unknown key '" + entry.getKey() + "'",
                        "one of " + String.join(", ", keys));
            }
        }
    }

    boolean has(String key) {
        return values.containsKey(key);
    }

    /** Returns the file and line of a key, for messages. */
    String where(String key) {
        Node value = values.get(key);
        return where(file, value == null ? node : value) + " " + key;
    }

    /** Returns a text that must be there. */
    String text(String key) {
        Node value = values.get(key);
        if (value == null) {
            throw new BadInput(where(file, node), "no '" + key + "'", "'" + key + ": ...'");
        }
        return scalarText(file, value);
    }

    String text(String key, String otherwise) {
        return has(key) ? text(key) : otherwise;
    }

    /** Returns a whole number, in decimal or hexadecimal, within bounds. */
    long number(String key, long least, long most) {
        String text = text(key);
        long value;
        try {
            value = Long.decode(text);
        } catch (NumberFormatException e) {
            value = Long.MIN_VALUE;
        }
        if (value < least || value > most) {
            throw new BadInput(where(key), "'" + text + "'", "a number from " + least + " to " + most);
        }
        return value;
    }

    boolean isList(String key) {
        return values.get(key) instanceof SequenceNode;
    }

    /** Returns the nested mapping, or null when there is none. */
    @Nullable
    YamlMap map(String key) {
        Node value = values.get(key);
        return value == null ? null : of(file, value);
    }

    /** Returns a list of texts. */
    List<String> texts(String key) {
        return elements(key).stream().map(element -> scalarText(file, element)).toList();
    }

    /** Returns a list of lists of texts. */
    List<List<String>> rows(String key) {
        return elements(key).stream()
                .map(row -> {
                    if (!(row instanceof SequenceNode sequence)) {
                        throw new BadInput(where(file, row), describe(row), "a list in brackets");
                    }
                    return sequence.getValue().stream()
                            .map(cell -> scalarText(file, cell))
                            .toList();
                })
                .toList();
    }

    /** Returns a list of mappings. */
    List<YamlMap> maps(String key) {
        return elements(key).stream().map(element -> of(file, element)).toList();
    }

    /** Returns all keys with their texts, in the order of the file. */
    Map<String, String> entries() {
        Map<String, String> result = new LinkedHashMap<>();
        values.forEach((key, value) -> result.put(key, scalarText(file, value)));
        return result;
    }

    private List<Node> elements(String key) {
        Node value = values.get(key);
        if (value == null) {
            return List.of();
        }
        if (!(value instanceof SequenceNode sequence)) {
            throw new BadInput(where(key), describe(value), "a list");
        }
        return sequence.getValue();
    }

    private static String scalarText(String file, Node node) {
        if (!(node instanceof ScalarNode scalar)) {
            throw new BadInput(where(file, node), describe(node), "a single value");
        }
        return scalar.getValue();
    }

    private static String where(String file, Node node) {
        return file + ":" + (node.getStartMark().map(Mark::getLine).orElse(0) + 1);
    }

    private static String describe(Node node) {
        return switch (node.getNodeType()) {
            case SCALAR -> "'" + ((ScalarNode) node).getValue() + "'";
            case SEQUENCE -> "a list";
            case MAPPING -> "a mapping";
            case ANCHOR -> "an anchor";
        };
    }

    private static String oneLine(@Nullable String message) {
        return message == null
                ? "broken text"
                : message.strip().lines().findFirst().orElse("broken text");
    }
}
