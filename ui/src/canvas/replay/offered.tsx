import { Eye, X } from "lucide-react";
import type { RunItem } from "@/api/types";
import { t } from "@/lib/text";
import { Button, Checkbox, IconButton, StatusBadge } from "@/ui";
import { TRIGGERS } from "@/ui/trigger";

type Props = {
  run: RunItem;
  /** Whether a new run is shown without asking. */
  always: boolean;
  onAlways: (always: boolean) => void;
  onShow: () => void;
  onHide: () => void;
};

/** A run that is under way, to be shown or put away. */
export function OfferedRun({ run, always, onAlways, onShow, onHide }: Props) {
  return (
    <section
      aria-label={t("Run under way")}
      className="flex shrink-0 flex-wrap items-center gap-x-3 gap-y-1 border-b bg-sunken px-3 py-1.5 text-sm"
    >
      <span role="status" className="flex flex-wrap items-center gap-x-2">
        {t("Run {number} is under way", { number: run.number })}
        <StatusBadge status={run.status} plain />
      </span>
      <span className="text-muted text-xs">
        {TRIGGERS[run.trigger.kind]}, {run.trigger.by}
      </span>
      <span className="flex-1" />
      <Checkbox
        label={t("Follow runs")}
        checked={always}
        onCheckedChange={(checked) => onAlways(checked === true)}
      />
      <Button size="sm" icon={Eye} onClick={() => onShow()}>
        {t("Watch")}
      </Button>
      <IconButton label={t("Not this run")} icon={X} size="sm" onClick={() => onHide()} />
    </section>
  );
}
