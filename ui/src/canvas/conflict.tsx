import { Button, Dialog } from "@/ui";

type Props = {
  pending: boolean;
  onClose: () => void;
  onReload: () => void;
  onOverwrite: () => void;
  onCopy: () => void;
};

/** Somebody saved meanwhile (412). Nothing is lost before one of the three is chosen. */
export function ConflictDialog({ pending, onClose, onReload, onOverwrite, onCopy }: Props) {
  return (
    <Dialog
      open
      onOpenChange={(open) => !open && onClose()}
      title="It was saved elsewhere meanwhile"
      description="There is a newer revision on the server than the one you began with. Nothing of yours has been saved yet."
      footer={
        <>
          <Button variant="danger" onClick={onReload} disabled={pending}>
            Reload, dropping my changes
          </Button>
          <Button variant="danger" onClick={onOverwrite} disabled={pending}>
            Overwrite with mine
          </Button>
          <Button variant="primary" onClick={onCopy} pending={pending}>
            Save mine as a copy
          </Button>
        </>
      }
    >
      <p className="text-sm">
        Overwriting makes your drawing the newest revision; the other one stays in the history. A copy becomes
        an orchestrator of its own.
      </p>
    </Dialog>
  );
}
