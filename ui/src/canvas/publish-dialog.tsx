import { useQuery } from "@tanstack/react-query";
import { CircleAlert, GitCompare, TriangleAlert, Upload } from "lucide-react";
import { useMemo, useState } from "react";
import { problemOf, toastProblem } from "@/api/problem";
import { publishableQuery, revisionQuery, usePublish } from "@/api/queries";
import type { DefinitionProblem, Graph, OrchestratorDetail } from "@/api/types";
import { rich, t } from "@/lib/text";
import { toast } from "@/lib/toast";
import { Button, Dialog, Field, Textarea, Timestamp } from "@/ui";
import { type Difference, diff } from "./versions/diff";
import { MARKS } from "./versions/mark";

type Props = {
  found: OrchestratorDetail;
  /** What is to be published. */
  definition: Graph;
  /** Its number; null: it is not saved yet. */
  revision: number | null;
  /** Saves it and gives its number; null: it could not. */
  save: () => Promise<number | null>;
  /** Opens the node with a problem. Without it there is nothing to mend here. */
  onProblem?: (nodeId: string, field: string | null) => void;
  onCompare: () => void;
  onClose: () => void;
};

/** What will change for whoever starts this, what speaks against it, and a word to the others. */
export function PublishDialog(props: Props) {
  const { found, save, onProblem, onCompare, onClose } = props;
  // As it was when this was opened: saving makes another of it.
  const [{ definition, revision }] = useState({ definition: props.definition, revision: props.revision });
  const [newest] = useState(revision ?? found.revision + 1);
  const published = found.publishedRevision;
  const check = useQuery(publishableQuery(found.id, revision === null ? { definition } : { revision }));
  const publish = usePublish(found.id);
  const [message, setMessage] = useState("");
  const [saving, setSaving] = useState(false);
  const refused = publish.error ? problemOf(publish.error) : null;
  const problems = refused?.problems.length ? refused.problems : (check.data?.problems ?? []);
  const blocked = problems.some((problem) => problem.severity === "error");

  // By then this dialog is closed.
  const undo = async (before: number | null) => {
    try {
      await publish.mutateAsync({ revision: before });
      toast.success(
        before === null
          ? t("Nothing is published again")
          : t("Revision {before} is published again", { before }),
      );
    } catch (error) {
      toastProblem(error, t("It was not taken back"));
    }
  };
  const go = async () => {
    setSaving(true);
    const number = revision ?? (await save());
    setSaving(false);
    if (number === null) return onClose();
    publish.mutate(
      { revision: number, message: message.trim() },
      {
        onSuccess: () => {
          onClose();
          toast.success(t("Revision {number} is published", { number }), {
            action: { label: t("Undo"), onClick: () => void undo(published) },
          });
        },
      },
    );
  };
  return (
    <Dialog
      open
      onOpenChange={(open) => !open && onClose()}
      title={t("Publish revision {newest}", { newest })}
      description={t(
        "Starts by tokens, by other orchestrators and by triggers run what is published. What is saved afterwards is a draft.",
      )}
      footer={
        <>
          <Button onClick={onClose}>{t("Cancel")}</Button>
          <Button
            variant="primary"
            icon={Upload}
            disabled={blocked || check.isPending}
            pending={saving || publish.isPending}
            onClick={() => void go()}
          >
            {revision === null
              ? t("Save and publish revision {newest}", { newest })
              : t("Publish revision {newest}", { newest })}
          </Button>
        </>
      }
    >
      <div className="flex flex-col gap-4">
        {problems.length > 0 && <Problems problems={problems} onProblem={onProblem} />}
        {check.isPending && (
          <p role="status" className="text-muted text-sm">
            {t("Being compared with the platforms …")}
          </p>
        )}
        {check.error && (
          <p role="alert" className="text-sm text-st-failed">
            {t("What speaks against it could not be asked: {title}.", {
              title: problemOf(check.error).title,
            })}
          </p>
        )}
        {refused && !refused.problems.length && (
          <p role="alert" className="text-sm text-st-failed">
            {refused.detail ?? refused.title} {refused.hint}
          </p>
        )}
        {published === null ? (
          <p className="text-sm">
            {t("Nothing is published yet: until now every start uses the newest revision.")}
          </p>
        ) : (
          <Changes found={found} published={published} definition={definition} onCompare={onCompare} />
        )}
        <Field label={t("Message")} hint={t("What has changed, for others. It stands in Versions.")}>
          <Textarea
            value={message}
            rows={2}
            maxLength={1000}
            onChange={(event) => setMessage(event.target.value)}
          />
        </Field>
      </div>
    </Dialog>
  );
}

function Problems({
  problems,
  onProblem,
}: {
  problems: readonly DefinitionProblem[];
  onProblem: Props["onProblem"];
}) {
  const errors = problems.filter((problem) => problem.severity === "error");
  const shown = [...errors, ...problems.filter((problem) => problem.severity !== "error")];
  return (
    <section aria-label={t("Problems")} className="rounded-md border">
      <h3 className="border-b px-3 py-2 font-medium text-sm">
        {errors.length > 0
          ? t(
              "{errors, plural, one {# error} other {# errors}} {errors, plural, one {keeps} other {keep}} it from being published",
              { errors: errors.length },
            )
          : t("{shown, plural, one {# warning} other {# warnings}} to look at", { shown: shown.length })}
      </h3>
      <ul className="max-h-60 divide-y overflow-y-auto">
        {shown.map(({ nodeId, field, detail, severity }) => {
          const error = severity === "error";
          const Icon = error ? CircleAlert : TriangleAlert;
          return (
            <li key={`${nodeId} ${field} ${detail}`} className="flex items-start gap-2 px-3 py-1.5 text-sm">
              <Icon
                role="img"
                aria-label={error ? t("Error") : t("Warning")}
                className={`mt-1 size-4 shrink-0 ${error ? "text-st-failed" : "text-st-warning"}`}
              />
              <span className="mt-0.5 min-w-0 flex-1 break-words">{detail}</span>
              {nodeId !== null && onProblem && (
                <Button size="sm" variant="ghost" onClick={() => onProblem(nodeId, field ?? null)}>
                  {t("Go to")}
                </Button>
              )}
            </li>
          );
        })}
      </ul>
    </section>
  );
}

type ChangesProps = {
  found: OrchestratorDetail;
  published: number;
  definition: Graph;
  onCompare: () => void;
};

/** What differs from what is published: the first few, and the way to all of it. */
function Changes({ found, published, definition, onCompare }: ChangesProps) {
  const { data: before } = useQuery(revisionQuery(found.id, published));
  const difference = useMemo(() => before && diff(before.definition, definition), [before, definition]);
  if (!difference) return null;
  const lines = told(difference);
  return (
    <section aria-label={t("Changes")}>
      <div className="flex items-center gap-2">
        <h3 className="min-w-0 flex-1 text-sm">
          {t("{what} since revision {published}", {
            what:
              lines.length === 0
                ? t("Nothing changes")
                : t("{lines, plural, one {# change} other {# changes}}", { lines: lines.length }),
            published,
          })}
          {found.publishedDate && (
            <span className="text-muted text-xs">
              {rich(", published {when} by {publishedBy}", {
                when: <Timestamp at={found.publishedDate} />,
                publishedBy: found.publishedBy,
              })}
            </span>
          )}
        </h3>
        {lines.length > 0 && (
          <Button size="sm" icon={GitCompare} onClick={onCompare}>
            {t("Compare")}
          </Button>
        )}
      </div>
      <ul className="mt-1.5 flex flex-col gap-1 text-sm">
        {lines.slice(0, SHOWN).map(({ id, mark, text }) => {
          const { icon: Icon, word, text: tone } = MARKS[mark];
          return (
            <li key={id} className="flex items-center gap-2">
              <Icon aria-hidden className={`size-4 shrink-0 ${tone}`} />
              <span className="min-w-0 truncate">{text}</span>
              <span className="text-muted text-xs">{word.toLowerCase()}</span>
            </li>
          );
        })}
      </ul>
      {lines.length > SHOWN && (
        <p className="mt-1 text-muted text-xs">{t("and {lines} more", { lines: lines.length - SHOWN })}</p>
      )}
    </section>
  );
}

const SHOWN = 6;

function told({ nodes, wires, settings }: Difference) {
  return [
    ...nodes.map(({ id, mark, label }) => ({ id: `node ${id}`, mark, text: label })),
    ...wires.map(({ id, mark, from, to }) => ({ id: `wire ${mark} ${id}`, mark, text: `${from} → ${to}` })),
    ...settings.map(({ path }) => ({ id: path, mark: "changed" as const, text: path })),
  ];
}
