import { useInfiniteQuery } from "@tanstack/react-query";
import { Eye, X } from "lucide-react";
import { useEffect, useState } from "react";
import { ended, runsQuery } from "@/api/queries";
import { usePersistent } from "@/lib/persist";
import { Button, Checkbox, IconButton, StatusBadge } from "@/ui";
import { TRIGGERS } from "@/ui/trigger";

const EVERY = 1_500;

/** A run of this orchestrator that somebody or something else has started: offered, or shown at once where that is asked for. */
export function NewestRun({
  id,
  shown,
  onShow,
}: {
  id: string;
  shown: string | undefined;
  onShow: (run: string) => void;
}) {
  const [always, setAlways] = usePersistent("canvas:follow-runs", false);
  const [hidden, setHidden] = useState<string | null>(null);
  const { data } = useInfiniteQuery({ ...runsQuery({ orchestratorId: id }, 1), refetchInterval: EVERY });
  const newest = data?.pages[0]?.items[0];
  const offered =
    newest && !ended(newest.status) && newest.id !== shown && newest.id !== hidden ? newest : null;
  const wanted = always && offered && shown === undefined ? offered.id : null;
  // biome-ignore lint/correctness/useExhaustiveDependencies: once for each run
  useEffect(() => {
    if (wanted) onShow(wanted);
  }, [wanted]);
  // A run that was on show and was put away is not offered at once again.
  const [before, setBefore] = useState(shown);
  if (before !== shown) {
    setBefore(shown);
    if (before !== undefined && shown === undefined) setHidden(before);
  }
  if (!offered) return null;
  return (
    <section
      aria-label="Run under way"
      className="flex shrink-0 flex-wrap items-center gap-x-3 gap-y-1 border-b bg-sunken px-3 py-1.5 text-sm"
    >
      <span role="status" className="flex flex-wrap items-center gap-x-2">
        Run {offered.number} is under way
        <StatusBadge status={offered.status} plain />
      </span>
      <span className="text-muted text-xs">
        {TRIGGERS[offered.trigger.kind]}, {offered.trigger.by}
      </span>
      <span className="flex-1" />
      <Checkbox
        label="Follow runs"
        checked={always}
        onCheckedChange={(checked) => setAlways(checked === true)}
      />
      <Button size="sm" icon={Eye} onClick={() => onShow(offered.id)}>
        Watch
      </Button>
      <IconButton label="Not this run" icon={X} size="sm" onClick={() => setHidden(offered.id)} />
    </section>
  );
}
