import { Panel, StatusBadge } from "@/ui";
import { KindGlyph } from "./glyph";
import { labelOf, type Step } from "./graph";
import { useFlow } from "./store";
import { useNodeRun, useSurroundings } from "./surroundings";

/** The drawing as a list: for screen readers, for narrow screens, and to find a node among many. */
export function Outline({ onClose, onOpen }: { onClose: () => void; onOpen: (id: string) => void }) {
  const nodes = useFlow((flow) => flow.nodes);
  return (
    <Panel
      id="canvas-outline"
      title="Outline"
      side="left"
      width={280}
      onClose={onClose}
      className="max-md:absolute max-md:z-30"
    >
      {nodes.length === 0 && <p className="p-4 text-muted text-sm">No node yet.</p>}
      <ol className="p-2">
        {nodes.map((step) => (
          <Line key={step.id} step={step} onOpen={onOpen} />
        ))}
      </ol>
    </Panel>
  );
}

function Line({ step, onOpen }: { step: Step; onOpen: (id: string) => void }) {
  const { kinds } = useSurroundings();
  const run = useNodeRun(step.id);
  const selected = useFlow((flow) => flow.selection.nodes.has(step.id));
  return (
    <li>
      <button
        type="button"
        aria-current={selected || undefined}
        onClick={() => onOpen(step.id)}
        className="flex w-full items-center gap-2.5 rounded-md p-2 text-left hover:bg-hover aria-[current]:bg-accent-soft"
      >
        <KindGlyph type={step.type} className="size-4 shrink-0 text-muted" />
        <span className="min-w-0 flex-1">
          <span className="block truncate font-medium text-sm">{labelOf(step)}</span>
          <span className="block truncate text-muted text-xs">
            {kinds.get(step.type)?.title ?? step.type}
          </span>
        </span>
        {run && <StatusBadge status={run.status} attempts={run.attempt} plain />}
      </button>
    </li>
  );
}
