import { CircleAlert, TriangleAlert } from "lucide-react";
import { Button, Panel } from "@/ui";
import { useSurroundings } from "./surroundings";

/** What keeps the drawing from running, and what may surprise. */
export function Problems({ onClose, onOpen }: { onClose: () => void; onOpen: (id: string) => void }) {
  const { problems } = useSurroundings();
  return (
    <Panel
      id="canvas-problems"
      title="Problems"
      side="left"
      width={320}
      onClose={onClose}
      className="max-md:absolute max-md:z-30"
    >
      {problems.length === 0 && <p className="p-4 text-muted text-sm">Nothing keeps this from running.</p>}
      <ul className="divide-y">
        {problems.map((problem) => {
          const error = problem.severity === "error";
          const Icon = error ? CircleAlert : TriangleAlert;
          const { nodeId } = problem;
          return (
            <li
              key={`${problem.nodeId} ${problem.field} ${problem.detail}`}
              className="flex gap-2 px-4 py-2.5"
            >
              <Icon
                role="img"
                aria-label={error ? "Error" : "Warning"}
                className={`mt-0.5 size-4 shrink-0 ${error ? "text-st-failed" : "text-st-warning"}`}
              />
              <span className="min-w-0 flex-1 break-words text-sm">{problem.detail}</span>
              {nodeId !== null && (
                <Button size="sm" variant="ghost" onClick={() => onOpen(nodeId)}>
                  Go to
                </Button>
              )}
            </li>
          );
        })}
      </ul>
    </Panel>
  );
}
