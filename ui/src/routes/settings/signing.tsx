import { useInfiniteQuery } from "@tanstack/react-query";
import { KeyRound, Plus } from "lucide-react";
import { useState } from "react";
import { problemOf, toastProblem } from "@/api/problem";
import {
  signingSecretsQuery,
  useCreateSigningSecret,
  useDeleteSigningSecret,
  useMay,
  useRotateSigningSecret,
} from "@/api/queries";
import type { SigningSecret } from "@/api/types";
import { freeName } from "@/forms/webhook/modes";
import { rich, t } from "@/lib/text";
import { toast } from "@/lib/toast";
import {
  Button,
  ConfirmDialog,
  CopyButton,
  Dialog,
  EmptyState,
  Field,
  Once,
  Section,
  Select,
  Timestamp,
} from "@/ui";
import { Rows, Said } from "./rows";

const SPANS = [
  { value: "0", label: t("Not at all") },
  { value: "3600", label: t("1 hour") },
  { value: "86400", label: t("1 day") },
  { value: "604800", label: t("7 days") },
];

/** What senders of callbacks prove themselves by. */
export function Signing() {
  const may = useMay("editor");
  const query = useInfiniteQuery(signingSecretsQuery);
  const create = useCreateSigningSecret();
  const remove = useDeleteSigningSecret();
  const [rotated, setRotated] = useState<SigningSecret | null>(null);
  const [asked, setAsked] = useState<SigningSecret | null>(null);
  const names = (query.data?.pages ?? []).flatMap((page) => page.items.map(({ name }) => name));
  const confirm = (secret: SigningSecret) =>
    remove.mutate(secret.id, {
      onSuccess: () => toast.success(t("{name} is deleted", { name: secret.name })),
      onError: (error) => toastProblem(error, t("The secret was not deleted")),
      onSettled: () => setAsked(null),
    });
  return (
    <Section
      title={t("Signing secrets")}
      description={t("Senders of callbacks sign with them. Nobody can read one again.")}
      flush
      actions={
        may && (
          <Button
            size="sm"
            icon={Plus}
            pending={create.isPending}
            onClick={() =>
              create.mutate(
                { name: freeName(names) },
                { onError: (error) => toastProblem(error, t("No secret was made")) },
              )
            }
          >
            {t("New secret")}
          </Button>
        )
      }
    >
      <Rows
        query={query}
        label={t("Signing secrets")}
        empty={
          <EmptyState icon={KeyRound} title={t("No signing secrets")} className="py-8">
            {t("A step that waits for a callback makes one with a click, in its panel.")}
          </EmptyState>
        }
      >
        {(secret) => (
          <>
            <Said title={<span className="truncate">{secret.name}</span>}>
              {rich("made {when} by {createdBy} · {what}", {
                when: <Timestamp at={secret.createdDate} />,
                createdBy: secret.createdBy,
                what: secret.usedIn
                  ? t("used in {usedIn, plural, one {# orchestrator} other {# orchestrators}}", {
                      usedIn: secret.usedIn,
                    })
                  : t("not used"),
              })}
              {secret.oldUntil && (
                <>
                  {" · "}
                  {rich("the old value counts too, ends {when}", {
                    when: <Timestamp at={secret.oldUntil} ahead />,
                  })}
                </>
              )}
            </Said>
            {may && (
              <>
                <Button
                  size="sm"
                  aria-label={t("Rotate {name}", { name: secret.name })}
                  onClick={() => setRotated(secret)}
                >
                  {t("Rotate …")}
                </Button>
                <Button
                  size="sm"
                  variant="danger"
                  aria-label={t("Delete {name}", { name: secret.name })}
                  onClick={() => setAsked(secret)}
                >
                  {t("Delete")}
                </Button>
              </>
            )}
          </>
        )}
      </Rows>
      {create.data?.secret && (
        <Shown name={create.data.name} text={create.data.secret} onClose={() => create.reset()} />
      )}
      {rotated && <RotateDialog secret={rotated} onClose={() => setRotated(null)} />}
      {asked && (
        <ConfirmDialog
          open
          onOpenChange={(open) => !open && setAsked(null)}
          title={t("Delete {name}?", { name: asked.name })}
          action={t("Delete secret")}
          pending={remove.isPending}
          onConfirm={() => confirm(asked)}
        >
          {t("What is signed with it is refused from then on. This cannot be undone.")}
        </ConfirmDialog>
      )}
    </Section>
  );
}

function RotateDialog({ secret, onClose }: { secret: SigningSecret; onClose: () => void }) {
  const rotate = useRotateSigningSecret();
  const [span, setSpan] = useState("86400");
  const problem = rotate.error ? problemOf(rotate.error) : null;
  if (rotate.data?.secret) return <Shown name={secret.name} text={rotate.data.secret} onClose={onClose} />;
  return (
    <Dialog
      open
      onOpenChange={onClose}
      size="sm"
      title={t("Rotate {name}", { name: secret.name })}
      description={t(
        "It gets a new value. The old one counts for a while, so that you can change the sender over.",
      )}
      footer={
        <>
          <Button onClick={onClose}>{t("Cancel")}</Button>
          <Button
            variant="primary"
            pending={rotate.isPending}
            onClick={() => rotate.mutate({ id: secret.id, keepOldSeconds: Number(span) })}
          >
            {t("Rotate")}
          </Button>
        </>
      }
    >
      <Field label={t("The old value counts for")} error={problem?.detail}>
        <Select value={span} onChange={setSpan} options={SPANS} />
      </Field>
    </Dialog>
  );
}

function Shown({ name, text, onClose }: { name: string; text: string; onClose: () => void }) {
  return (
    <Dialog
      open
      onOpenChange={onClose}
      sticky
      size="md"
      title={name}
      description={t("Copy it now. It cannot be shown again.")}
      footer={
        <Button variant="primary" onClick={onClose}>
          {t("I have copied it")}
        </Button>
      }
    >
      <Once id="signing-secret" copy={<CopyButton text={text} label={t("Copy secret")} />}>
        {text}
      </Once>
    </Dialog>
  );
}
