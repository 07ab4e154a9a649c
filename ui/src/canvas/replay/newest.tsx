import { useInfiniteQuery } from "@tanstack/react-query";
import { useEffect, useState } from "react";
import { ended, runsQuery } from "@/api/queries";
import { usePersistent } from "@/lib/persist";
import { OfferedRun } from "../later";

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
    <OfferedRun
      run={offered}
      always={always}
      onAlways={setAlways}
      onShow={() => onShow(offered.id)}
      onHide={() => setHidden(offered.id)}
    />
  );
}
