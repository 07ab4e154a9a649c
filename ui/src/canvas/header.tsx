import {
  CircleAlert,
  CircleCheck,
  LayoutGrid,
  ListTree,
  Play,
  Plus,
  Redo2,
  Save,
  TriangleAlert,
  Undo2,
} from "lucide-react";
import { useMay } from "@/api/queries";
import { plural } from "@/lib/time";
import { Badge, Button, IconButton, Input } from "@/ui";
import { dirty, useFlow, useFlowControl, useHistory } from "./store";
import { useSurroundings } from "./surroundings";

export type Side = "add" | "outline" | "problems";

type Props = {
  side: string | undefined;
  onSide: (side: Side) => void;
  onSave: () => void;
  saving: boolean;
  onRun: () => void;
  onTidy: () => void;
};

/** The bar over the canvas: the name, and everything that concerns the whole drawing. */
export function Header({ side, onSide, onSave, saving, onRun, onTidy }: Props) {
  const control = useFlowControl();
  const { editable, problems } = useSurroundings();
  const may = useMay("operator");
  const name = useFlow((flow) => flow.name);
  const revision = useFlow((flow) => flow.revision);
  const changed = useFlow(dirty);
  const what = useFlow((flow) => flow.what);
  const past = useHistory((history) => history.pastStates.length);
  const next = useHistory((history) => history.futureStates.at(-1)?.what);
  const errors = problems.filter((problem) => problem.severity === "error").length;
  const Verdict = errors ? CircleAlert : problems.length ? TriangleAlert : CircleCheck;
  const tone = errors ? "text-st-failed" : problems.length ? "text-st-warning" : "text-st-done";
  return (
    <header className="flex min-h-12 shrink-0 flex-wrap items-center gap-1 border-b bg-surface px-2 py-1.5">
      <h1 className="sr-only">{name}</h1>
      {editable && (
        <IconButton
          label="Add a node"
          shortcut="n"
          icon={Plus}
          pressed={side === "add"}
          onClick={() => onSide("add")}
        />
      )}
      <IconButton
        label="Outline"
        icon={ListTree}
        pressed={side === "outline"}
        onClick={() => onSide("outline")}
      />
      <Input
        aria-label="Name"
        value={name}
        maxLength={200}
        disabled={!editable}
        onChange={(event) => control.rename(event.target.value)}
        className="w-64 max-w-full border-transparent font-semibold"
      />
      <Badge>Revision {revision}</Badge>
      {changed && <Badge tone="warning">Not saved</Badge>}
      <span className="flex-1" />
      <Button variant="ghost" onClick={() => onSide("problems")} aria-pressed={side === "problems"}>
        <Verdict aria-hidden className={tone} />
        {problems.length ? plural(problems.length, "problem") : "No problems"}
      </Button>
      {editable && (
        <>
          <IconButton
            label={past ? `Undo: ${what}` : "Undo"}
            shortcut="mod+z"
            icon={Undo2}
            disabled={past === 0}
            onClick={control.undo}
          />
          <IconButton
            label={next ? `Redo: ${next}` : "Redo"}
            shortcut="mod+shift+z"
            icon={Redo2}
            disabled={next === undefined}
            onClick={control.redo}
          />
          <IconButton label="Tidy up" shortcut="shift+t" icon={LayoutGrid} onClick={onTidy} />
          <Button icon={Save} onClick={onSave} pending={saving} disabled={!changed || name.trim() === ""}>
            Save
          </Button>
        </>
      )}
      {may && (
        <Button variant="primary" icon={Play} onClick={onRun}>
          Run
        </Button>
      )}
    </header>
  );
}
