import type { ReactNode } from "react";
import { Button, Dialog } from "@/ui";

type Props = {
  pending: boolean;
  onClose: () => void;
  onCompare: () => void;
  onReload: () => void;
  onOverwrite: () => void;
  onCopy: () => void;
};

/** Somebody saved meanwhile (412). Nothing is lost before one of these is chosen. */
export function ConflictDialog({ pending, onClose, onCompare, onReload, onOverwrite, onCopy }: Props) {
  return (
    <Dialog
      open
      onOpenChange={(open) => !open && onClose()}
      size="lg"
      title="It was saved elsewhere meanwhile"
      description="There is a newer revision on the server than the one you began with. Nothing of yours has been saved yet."
    >
      <ul className="divide-y rounded-lg border">
        <Way name="Compare" why="See what overwriting would change in theirs. Decide there.">
          <Button variant="primary" onClick={onCompare} disabled={pending}>
            Compare mine with theirs
          </Button>
        </Way>
        <Way name="Keep both" why="Yours becomes an orchestrator of its own; theirs stays as it is.">
          <Button onClick={onCopy} pending={pending}>
            Save mine as a copy
          </Button>
        </Way>
        <Way
          name="Keep mine"
          why="Your drawing becomes the newest revision. Theirs stays among the versions."
        >
          <Button variant="danger" onClick={onOverwrite} disabled={pending}>
            Overwrite with mine
          </Button>
        </Way>
        <Way name="Keep theirs" why="What you have drawn is dropped.">
          <Button variant="danger" onClick={onReload} disabled={pending}>
            Reload, dropping my changes
          </Button>
        </Way>
      </ul>
    </Dialog>
  );
}

function Way({ name, why, children }: { name: string; why: string; children: ReactNode }) {
  return (
    <li className="flex flex-wrap items-center justify-between gap-x-4 gap-y-2 px-4 py-3">
      <div className="min-w-0 flex-1 basis-56">
        <p className="font-medium text-sm">{name}</p>
        <p className="text-muted text-xs">{why}</p>
      </div>
      {children}
    </li>
  );
}
