import { useQuery } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";
import { toastProblem } from "@/api/problem";
import { redactionQuery, useMay, useReveal } from "@/api/queries";
import { t } from "@/lib/text";
import { Button, Dialog, Field, Input, JsonView, Loaded, Revealing } from "@/ui";
import type { Place } from "./revealable";

type Props = { place: Place; path: string; onClose: () => void };

/** Asks for the reason, then shows the value until it is closed. */
export function RevealDialog({ place, path, onClose }: Props) {
  const query = useQuery(redactionQuery);
  const reveal = useReveal();
  const [reason, setReason] = useState("");
  const needed = query.data?.revealRole ?? "admin";
  const may = useMay(needed);
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (reason.trim().length < 3 || reveal.isPending) return;
    const { runId, part, nodeId, number } = place;
    reveal.mutate(
      { runId, part, nodeId: nodeId ?? null, number: number ?? null, path, reason: reason.trim() },
      { onError: (error) => toastProblem(error, t("It was not revealed")) },
    );
  };
  const shown = reveal.data;
  if (shown)
    return (
      <Dialog
        open
        onOpenChange={onClose}
        size="md"
        title={t("The masked value")}
        description={t("It is forgotten when you close this. The audit log has your name and reason.")}
        footer={
          <Button variant="primary" onClick={onClose}>
            {t("Close")}
          </Button>
        }
      >
        <div data-testid="revealed" className="max-h-96 overflow-auto rounded-md bg-sunken p-3">
          {/* What is shown here is whole: nothing of it is asked for again. */}
          <Revealing value={null}>
            <JsonView value={shown.value} open={3} />
          </Revealing>
        </div>
      </Dialog>
    );
  return (
    <Dialog
      open
      onOpenChange={onClose}
      size="sm"
      title={t("Reveal a masked value")}
      description={t("Who asks, for what and why is written to the audit log.")}
      footer={
        <>
          <Button onClick={onClose}>{t("Cancel")}</Button>
          {may && (
            <Button
              variant="primary"
              type="submit"
              form="reveal"
              pending={reveal.isPending}
              disabled={reason.trim().length < 3}
            >
              {t("Reveal")}
            </Button>
          )}
        </>
      }
    >
      <Loaded query={query} compact>
        {() =>
          may ? (
            <form id="reveal" onSubmit={submit} className="flex flex-col gap-3">
              {path && <p className="break-all font-mono text-muted text-xs">{path}</p>}
              <Field label={t("Reason")} hint={t("For instance the ticket of whoever asked.")} required>
                <Input
                  value={reason}
                  onChange={(event) => setReason(event.target.value)}
                  maxLength={500}
                  autoComplete="off"
                />
              </Field>
            </form>
          ) : (
            <p className="text-sm">
              {t("This workspace lets {what} reveal what is masked. Ask one of them.", {
                what:
                  needed === "admin" ? t("admins") : t("the role {needed}, and those above it,", { needed }),
              })}
            </p>
          )
        }
      </Loaded>
    </Dialog>
  );
}
