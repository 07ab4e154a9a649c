import type { ReactNode } from "react";
import { t } from "@/lib/text";
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
      title={t("It was saved elsewhere meanwhile")}
      description={t(
        "There is a newer revision on the server than the one you began with. Nothing of yours has been saved yet.",
      )}
    >
      <ul className="divide-y rounded-lg border">
        <Way name={t("Compare")} why={t("See what overwriting would change in theirs. Decide there.")}>
          <Button variant="primary" onClick={onCompare} disabled={pending}>
            {t("Compare mine with theirs")}
          </Button>
        </Way>
        <Way
          name={t("Keep both")}
          why={t("Yours becomes an orchestrator of its own; theirs stays as it is.")}
        >
          <Button onClick={onCopy} pending={pending}>
            {t("Save mine as a copy")}
          </Button>
        </Way>
        <Way
          name={t("Keep mine")}
          why={t("Your drawing becomes the newest revision. Theirs stays among the versions.")}
        >
          <Button variant="danger" onClick={onOverwrite} disabled={pending}>
            {t("Overwrite with mine")}
          </Button>
        </Way>
        <Way name={t("Keep theirs")} why={t("What you have drawn is dropped.")}>
          <Button variant="danger" onClick={onReload} disabled={pending}>
            {t("Reload, dropping my changes")}
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
