import { useState } from "react";
import { problemOf } from "@/api/problem";
import { useChangeConnection } from "@/api/queries";
import type { Connection, JsonObject, Provider } from "@/api/types";
import { CredentialsForm, fieldErrors, filled, Refusal } from "@/connecting";
import type { Schema } from "@/forms";
import { t } from "@/lib/text";
import { toast } from "@/lib/toast";
import { Button, Field, Input } from "@/ui";
import { FormDialog } from "./form-dialog";

type Props = { connection: Connection; onClose: () => void };

export function RenameDialog({ connection, onClose }: Props) {
  const change = useChangeConnection(connection.id);
  const [name, setName] = useState(connection.name);
  return (
    <FormDialog
      size="sm"
      title={t("Rename connection")}
      action={t("Rename")}
      pending={change.isPending}
      disabled={!name.trim()}
      onSubmit={() => change.mutate({ name: name.trim() }, { onSuccess: onClose })}
      onClose={onClose}
    >
      <Field label={t("Name")} error={change.error ? problemOf(change.error).detail : undefined}>
        <Input value={name} maxLength={200} onChange={(event) => setName(event.target.value)} />
      </Field>
    </FormDialog>
  );
}

/** Another address or other credentials; tested before they are kept. What is not touched stays. */
export function CredentialsDialog({ connection, provider, onClose }: Props & { provider: Provider }) {
  const change = useChangeConnection(connection.id);
  const [edits, setEdits] = useState<JsonObject | null>(null);
  const [allowPrivate, setAllowPrivate] = useState(connection.allowPrivateNetwork);
  const value = edits ?? connection.credentials;
  const refused = change.error && problemOf(change.error).code === "connection-test-failed";
  const save = (force: boolean) => {
    const kept = filled(value);
    // A field that is left out stays as it is: one that was emptied is sent as null.
    const emptied = Object.keys(connection.credentials).filter((name) => !(name in kept));
    change.mutate(
      {
        ...(edits && {
          credentials: { ...kept, ...Object.fromEntries(emptied.map((name) => [name, null])) },
        }),
        ...(allowPrivate !== connection.allowPrivateNetwork && { allowPrivateNetwork: allowPrivate }),
        ...(force && { force }),
      },
      {
        onSuccess: () => {
          toast.success(t("{name} was changed", { name: connection.name }));
          onClose();
        },
      },
    );
  };
  return (
    <FormDialog
      title={t("Credentials of {name}", { name: connection.name })}
      description={t(
        "They are tested before they are kept. Another address needs its secrets entered again.",
      )}
      action={t("Test and save")}
      pending={change.isPending}
      disabled={edits === null && allowPrivate === connection.allowPrivateNetwork}
      other={
        refused && (
          <Button variant="danger" pending={change.isPending} onClick={() => save(true)}>
            {t("Save anyway")}
          </Button>
        )
      }
      onSubmit={() => save(false)}
      onClose={onClose}
    >
      <CredentialsForm
        schema={provider.connectionForm as Schema}
        value={value}
        onChange={(next) => {
          setEdits(next);
          if (change.error) change.reset();
        }}
        errors={fieldErrors(change.error)}
        allowPrivate={allowPrivate}
        onAllowPrivate={setAllowPrivate}
      />
      <Refusal error={change.error} />
    </FormDialog>
  );
}
