import { useReactFlow } from "@xyflow/react";
import { useEffect, useRef, useState } from "react";
import type { Kind } from "@/api/types";
import { Panel, SearchInput } from "@/ui";
import { DRAGGED } from "./drawing";
import { KindGlyph } from "./glyph";
import { after, connected, labelOf, made, portsOf, refusal } from "./graph";
import { useFlowControl } from "./store";
import { useSurroundings } from "./surroundings";

/** Every kind of node. A click adds it after the selected node and wires it there; a drag puts it where it is dropped. */
export function AddPanel({ onClose, onAdded }: { onClose: () => void; onAdded: (id: string) => void }) {
  const { kinds } = useSurroundings();
  const control = useFlowControl();
  const { screenToFlowPosition, setCenter, getZoom } = useReactFlow();
  const [search, setSearch] = useState("");
  const box = useRef<HTMLDivElement>(null);
  useEffect(() => box.current?.querySelector("input")?.focus(), []);
  const words = search.toLowerCase();
  const found = [...kinds.values()].filter((kind) =>
    `${kind.title} ${kind.type} ${kind.description} ${kind.group}`.toLowerCase().includes(words),
  );
  const groups = [...new Set(found.map((kind) => kind.group))];

  const add = (kind: Kind, wired: boolean) => {
    const flow = control.store.getState();
    const [only] = flow.selection.nodes.size === 1 ? flow.selection.nodes : [];
    const before = flow.nodes.find((node) => node.id === only) ?? null;
    const pane = document.querySelector(".react-flow")?.getBoundingClientRect();
    const middle = screenToFlowPosition({
      x: (pane?.x ?? 0) + (pane?.width ?? 0) / 2 - 116,
      y: (pane?.y ?? 0) + (pane?.height ?? 0) / 2 - 36,
    });
    const step = made(kind, flow, before ? after(before) : middle);
    control.edit(`Add ${labelOf(step)}`, (now) => {
      const next = { nodes: [...now.nodes, step], edges: now.edges };
      const used = new Set(
        now.edges.filter((edge) => edge.source === before?.id).map((edge) => edge.sourceHandle),
      );
      const ports = before ? portsOf(before, kinds) : [];
      const port = ports.find((name) => !used.has(name)) ?? ports[0];
      const ends = before && port ? { source: before.id, target: step.id, sourceHandle: port } : null;
      return wired && ends && refusal(next, kinds, ends) === null ? connected(next, ends) : next;
    });
    control.select([step.id]);
    void setCenter(step.position.x + 116, step.position.y + 36, { zoom: getZoom() });
    onAdded(step.id);
  };

  return (
    <Panel
      id="canvas-add"
      title="Add a node"
      side="left"
      width={280}
      onClose={onClose}
      className="max-md:absolute max-md:z-30"
    >
      <div ref={box} className="p-3">
        <SearchInput
          label="Search kinds of nodes"
          value={search}
          onChange={setSearch}
          onKeyDownCapture={(event) => {
            const [first] = found;
            if (event.key !== "Enter" || !first) return;
            event.preventDefault();
            add(first, !event.shiftKey);
          }}
        />
      </div>
      {groups.map((group) => (
        <section key={group} aria-label={group} className="px-2 pb-2">
          <h3 className="px-2 py-1 font-medium text-muted text-xs">{group}</h3>
          <ul>
            {found
              .filter((kind) => kind.group === group)
              .map((kind) => (
                <li key={kind.type}>
                  <button
                    type="button"
                    draggable
                    onDragStart={(event) => {
                      event.dataTransfer.setData(DRAGGED, kind.type);
                      event.dataTransfer.effectAllowed = "copy";
                    }}
                    onClick={(event) => add(kind, !event.shiftKey)}
                    className="flex w-full items-start gap-2.5 rounded-md p-2 text-left hover:bg-hover"
                  >
                    <span className="grid size-7 shrink-0 place-items-center rounded-md bg-sunken text-accent-text">
                      <KindGlyph type={kind.type} />
                    </span>
                    <span className="min-w-0">
                      <span className="block font-medium text-sm">{kind.title}</span>
                      <span className="block text-muted text-xs">{kind.description}</span>
                    </span>
                  </button>
                </li>
              ))}
          </ul>
        </section>
      ))}
      {found.length === 0 && <p className="px-4 text-muted text-sm">No kind contains “{search}”.</p>}
    </Panel>
  );
}
