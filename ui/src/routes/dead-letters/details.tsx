import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { Redo2, Trash2 } from "lucide-react";
import { type FormEvent, type ReactNode, useState } from "react";
import { problemOf } from "@/api/problem";
import { letterQuery, useDropLetter, useReplayLetter } from "@/api/queries";
import type { DeadLetterDetail } from "@/api/types";
import { t } from "@/lib/text";
import { absolute } from "@/lib/time";
import { toast } from "@/lib/toast";
import { Revealable } from "@/redaction";
import {
  Badge,
  Button,
  Checkbox,
  CodeEditor,
  Dialog,
  Drawer,
  Field,
  JsonView,
  Loaded,
  RevisionChoice,
} from "@/ui";
import { ReasonField, Refused } from "./reason";
import { STATES } from "./states";

type Props = { id: string; may: boolean; onClose: () => void };

/** One letter: its cause, its payload, the last call, and what can be done with it. */
export function LetterDetails({ id, may, onClose }: Props) {
  const query = useQuery({ ...letterQuery(id), refetchInterval: 5000 });
  const [act, setAct] = useState<"replay" | "drop" | null>(null);
  const found = query.data;
  return (
    <Drawer
      open
      onOpenChange={(shown) => !shown && onClose()}
      title={found?.nodeLabel ?? t("Dead letter")}
      description={found && `${found.orchestratorName} #${found.runNumber}`}
      footer={
        may &&
        found?.state === "open" && (
          <>
            <Button icon={Trash2} onClick={() => setAct("drop")}>
              {t("Drop …")}
            </Button>
            <Button variant="primary" icon={Redo2} onClick={() => setAct("replay")}>
              {t("Replay …")}
            </Button>
          </>
        )
      }
    >
      <Loaded query={query} compact title={t("This dead letter cannot be shown")}>
        {(letter) => <Letter letter={letter} />}
      </Loaded>
      {act === "replay" && found && <ReplayDialog letter={found} onClose={() => setAct(null)} />}
      {act === "drop" && found && <DropDialog letter={found} onClose={() => setAct(null)} />}
    </Drawer>
  );
}

function Letter({ letter }: { letter: DeadLetterDetail }) {
  const { label, tone, meaning } = STATES[letter.state];
  return (
    <div className="flex flex-col gap-4">
      <dl className="grid grid-cols-[auto_1fr] gap-x-4 gap-y-1.5 text-sm">
        <Fact name={t("State")}>
          <Badge tone={tone}>{label}</Badge>
          <p className="text-muted text-xs">{meaning}.</p>
        </Fact>
        <Fact name={t("Cause")}>
          <p className="break-words">{letter.message}</p>
          <p className="text-muted text-xs">
            {letter.code}
            {letter.attempts > 1 && t(", after {attempts} tries", { attempts: letter.attempts })}
          </p>
          {letter.error?.hint && <p className="text-muted text-xs">{letter.error.hint}</p>}
        </Fact>
        <Fact name={t("Run")}>
          <Link
            to="/runs/$runId"
            params={{ runId: letter.runId }}
            search={{ node: letter.nodeId }}
            className="text-accent-text hover:underline"
          >
            {t("#{runNumber}, step {nodeLabel}", {
              runNumber: letter.runNumber,
              nodeLabel: letter.nodeLabel,
            })}
          </Link>
        </Fact>
        <Fact name={t("Since")}>{absolute(letter.createdDate)}</Fact>
        {letter.replayRunId && (
          <Fact name={t("Replayed as")}>
            <Link
              to="/runs/$runId"
              params={{ runId: letter.replayRunId }}
              className="text-accent-text hover:underline"
            >
              {letter.replayRunNumber === null ? t("a run that is gone") : `#${letter.replayRunNumber}`}
            </Link>
          </Fact>
        )}
        {letter.by && (
          <Fact name={t("By")}>
            {letter.by}
            {letter.reason && <p className="text-muted text-xs">{letter.reason}</p>}
          </Fact>
        )}
      </dl>
      {letter.callbackId === null ? (
        <section aria-label={t("Payload")} className="flex flex-col gap-1.5">
          <h3 className="font-semibold text-sm">{t("What the step was given")}</h3>
          <div className="rounded-md bg-sunken p-3">
            <Revealable place={{ runId: letter.runId, part: "input", nodeId: letter.nodeId }}>
              <JsonView value={letter.payload} />
            </Revealable>
          </div>
        </section>
      ) : (
        <Link
          to="/inbound"
          search={{ open: letter.callbackId }}
          className="text-accent-text text-sm hover:underline"
        >
          {t("The callback and its body")}
        </Link>
      )}
      {letter.request && (
        <section aria-label={t("Last call")} className="flex flex-col gap-1.5">
          <h3 className="font-semibold text-sm">{t("The last call it made")}</h3>
          <p className="break-all rounded-md bg-sunken p-3 font-mono text-xs">
            {letter.request.method} {letter.request.url}
          </p>
        </section>
      )}
    </div>
  );
}

function Fact({ name, children }: { name: string; children: ReactNode }) {
  return (
    <>
      <dt className="text-muted">{name}</dt>
      <dd className="min-w-0">{children}</dd>
    </>
  );
}

type ActProps = { letter: DeadLetterDetail; onClose: () => void };

/** Takes a letter up again; its payload can be mended before. Mount it to open it. */
function ReplayDialog({ letter, onClose }: ActProps) {
  const replay = useReplayLetter();
  const [revision, setRevision] = useState<"same" | "latest">("same");
  const [text, setText] = useState(() => JSON.stringify(letter.payload, null, 2));
  const [edit, setEdit] = useState(false);
  const [reason, setReason] = useState("");
  const [acknowledge, setAcknowledge] = useState(false);
  const [asked, setAsked] = useState(false);
  const own = letter.callbackId === null;
  const payload = edit ? parsed(text) : { value: undefined };
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (!payload) return;
    replay.mutate(
      {
        id: letter.id,
        revision,
        acknowledge,
        reason: reason.trim(),
        ...(edit && { payload: payload.value }),
      },
      {
        onSuccess: () => {
          toast.success(own ? t("A new run has it") : t("A run took the callback"));
          onClose();
        },
        onError: (error) => setAsked((before) => before || problemOf(error).code === "unsafe-calls"),
      },
    );
  };
  return (
    <Dialog
      open
      onOpenChange={(open) => !open && onClose()}
      title={
        own ? t("Replay from “{nodeLabel}”", { nodeLabel: letter.nodeLabel }) : t("Replay this callback")
      }
      description={
        own
          ? t("A new run begins with this step. What came before it is reused.")
          : t("It goes to the newest run that repeats its own and waits for it.")
      }
      footer={
        <>
          <Button onClick={onClose}>{t("Close")}</Button>
          <Button
            variant="primary"
            type="submit"
            form="replay-letter"
            pending={replay.isPending}
            disabled={!payload || (asked && !acknowledge)}
          >
            {t("Replay")}
          </Button>
        </>
      }
    >
      <form id="replay-letter" onSubmit={submit} className="flex flex-col gap-4">
        {own && (
          <>
            <RevisionChoice value={revision} onChange={setRevision} same={letter.revision} />
            <Checkbox
              label={t("Change the payload")}
              checked={edit}
              onCheckedChange={(checked) => setEdit(checked === true)}
            />
            {edit && (
              <Field
                label={t("Payload")}
                hint={t("The step's data in the place of what its wires bring.")}
                error={payload ? null : t("This is not JSON.")}
              >
                <CodeEditor language="json" minHeight={120} maxHeight={280} value={text} onChange={setText} />
              </Field>
            )}
          </>
        )}
        <ReasonField value={reason} onChange={setReason} />
        <Refused error={replay.error} />
        {asked && (
          <Checkbox
            label={t("I looked: these calls may be made again.")}
            checked={acknowledge}
            onCheckedChange={(checked) => setAcknowledge(checked === true)}
          />
        )}
      </form>
    </Dialog>
  );
}

function DropDialog({ letter, onClose }: ActProps) {
  const drop = useDropLetter();
  const [reason, setReason] = useState("");
  const [missing, setMissing] = useState(false);
  const submit = (event: FormEvent) => {
    event.preventDefault();
    setMissing(!reason.trim());
    if (reason.trim()) drop.mutate({ id: letter.id, reason: reason.trim() }, { onSuccess: onClose });
  };
  return (
    <Dialog
      open
      onOpenChange={(open) => !open && onClose()}
      size="sm"
      title={t("Drop this dead letter")}
      description={t("The run stays as it is. Retention may let it go then.")}
      footer={
        <>
          <Button onClick={onClose}>{t("Close")}</Button>
          <Button variant="danger" type="submit" form="drop-letter" pending={drop.isPending}>
            {t("Drop")}
          </Button>
        </>
      }
    >
      <form id="drop-letter" onSubmit={submit} className="flex flex-col gap-4">
        <ReasonField value={reason} onChange={setReason} required missing={missing} />
        <Refused error={drop.error} />
      </form>
    </Dialog>
  );
}

/** The value of a JSON text; null for what is no JSON. */
function parsed(text: string): { value: unknown } | null {
  try {
    return { value: JSON.parse(text) };
  } catch {
    return null;
  }
}
