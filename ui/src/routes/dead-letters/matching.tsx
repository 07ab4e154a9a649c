import { useQuery } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";
import { bulkQuery, matchingQuery, useLettersMatching } from "@/api/queries";
import type { Bulk, LetterFilter } from "@/api/types";
import { t } from "@/lib/text";
import { count } from "@/lib/time";
import { Button, Checkbox, Dialog, Loaded } from "@/ui";
import { ReasonField, Refused } from "./reason";

type Props = { act: "replay" | "drop"; filter: LetterFilter; onClose: () => void };

/** Replays or drops all open ones that match: says how many before, and how it went after. Mount it to open it. */
export function MatchingDialog({ act, filter, onClose }: Props) {
  const matching = useQuery(matchingQuery(filter));
  const ask = useLettersMatching();
  const [reason, setReason] = useState("");
  const [missing, setMissing] = useState(false);
  const [acknowledge, setAcknowledge] = useState(false);
  const replay = act === "replay";
  const begun = ask.data?.bulk;
  const submit = (event: FormEvent) => {
    event.preventDefault();
    const needed = !replay && !reason.trim();
    setMissing(needed);
    if (!needed) ask.mutate({ act, filter, reason: reason.trim(), acknowledge });
  };
  const all = matching.data === undefined ? "" : count(matching.data);
  return (
    <Dialog
      open
      onOpenChange={(open) => !open && onClose()}
      size="sm"
      title={replay ? t("Replay all that match") : t("Drop all that match")}
      description={
        replay
          ? t("Each gets a new run that begins with its step. It goes on by itself if you leave.")
          : t("The runs stay as they are. It goes on by itself if you leave.")
      }
      footer={
        <>
          <Button onClick={onClose}>{t("Close")}</Button>
          {!begun && (
            <Button
              variant={replay ? "primary" : "danger"}
              type="submit"
              form="letters-matching"
              pending={ask.isPending}
              disabled={!matching.data}
            >
              {replay ? t("Replay {all}", { all }) : t("Drop {all}", { all })}
            </Button>
          )}
        </>
      }
    >
      {begun ? (
        <Progress id={begun.id} />
      ) : (
        <form id="letters-matching" onSubmit={submit} className="flex flex-col gap-4">
          <Loaded query={matching} compact title={t("How many there are cannot be told")}>
            {(found) => (
              <p className="text-sm">
                {found === 1
                  ? t("1 open letter matches.")
                  : t("{found} open letters match.", { found: count(found) })}
              </p>
            )}
          </Loaded>
          <ReasonField
            value={reason}
            onChange={setReason}
            of={t("the history of each run")}
            required={!replay}
            missing={missing}
          />
          {replay && (
            <Checkbox
              label={t(
                "Calls that change something may be made again. Without this, such letters stay open.",
              )}
              checked={acknowledge}
              onCheckedChange={(checked) => setAcknowledge(checked === true)}
            />
          )}
          <Refused error={ask.error} />
        </form>
      )}
    </Dialog>
  );
}

function Progress({ id }: { id: string }) {
  const query = useQuery(bulkQuery(id));
  return (
    <Loaded query={query} compact title={t("How far it is cannot be told")}>
      {(bulk) => <Outcome bulk={bulk} />}
    </Loaded>
  );
}

function Outcome({ bulk }: { bulk: Bulk }) {
  return (
    <div className="flex flex-col gap-3 text-sm">
      <p role="status">
        {standing(bulk)}
        {bulk.leftOpen > 0 && t(", {leftOpen} left open", { leftOpen: count(bulk.leftOpen) })}.
      </p>
      {bulk.problems.length > 0 && (
        <ul aria-label={t("Left open")} className="flex flex-col gap-1 text-muted text-xs">
          {bulk.problems.map((each) => (
            <li key={each.letterId}>{each.message}</li>
          ))}
        </ul>
      )}
    </div>
  );
}

function standing({ act, finishedDate, ...bulk }: Bulk): string {
  const counts = { done: count(bulk.done), matching: count(bulk.matching) };
  if (act === "replay")
    return finishedDate
      ? t("Done: {done} of {matching} taken up again", counts)
      : t("Under way: {done} of {matching} taken up again", counts);
  return finishedDate
    ? t("Done: {done} of {matching} dropped", counts)
    : t("Under way: {done} of {matching} dropped", counts);
}
