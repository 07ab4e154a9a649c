import { useState } from "react";
import { toast } from "sonner";
import { problemOf } from "@/api/problem";
import { useChangeConnection } from "@/api/queries";
import type { Connection, JsonObject, Provider } from "@/api/types";
import type { Schema } from "@/forms";
import { Button, Dialog, Field, Input } from "@/ui";
import { CredentialsForm, fieldErrors, filled } from "./credentials";
import { Notice } from "./result";

type Props = { connection: Connection; onClose: () => void };

export function RenameDialog({ connection, onClose }: Props) {
  const change = useChangeConnection(connection.id);
  const [name, setName] = useState(connection.name);
  return (
    <Dialog
      open
      onOpenChange={onClose}
      size="sm"
      title="Rename connection"
      footer={
        <>
          <Button onClick={onClose}>Cancel</Button>
          <Button
            variant="primary"
            type="submit"
            form="rename"
            pending={change.isPending}
            disabled={!name.trim()}
          >
            Rename
          </Button>
        </>
      }
    >
      <form
        id="rename"
        onSubmit={(event) => {
          event.preventDefault();
          change.mutate({ name: name.trim() }, { onSuccess: onClose });
        }}
      >
        <Field label="Name" error={change.error ? problemOf(change.error).detail : undefined}>
          <Input value={name} maxLength={200} onChange={(event) => setName(event.target.value)} />
        </Field>
      </form>
    </Dialog>
  );
}

/** Another address or other credentials; tested before they are kept. What is not touched stays. */
export function CredentialsDialog({ connection, provider, onClose }: Props & { provider: Provider }) {
  const change = useChangeConnection(connection.id);
  const [edits, setEdits] = useState<JsonObject | null>(null);
  const [allowPrivate, setAllowPrivate] = useState(connection.allowPrivateNetwork);
  const schema = provider.connectionForm as Schema;
  const value = edits ?? connection.credentials;
  const problem = change.error ? problemOf(change.error) : null;
  const refused = problem?.code === "connection-test-failed";
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
          toast.success(`${connection.name} was changed`);
          onClose();
        },
      },
    );
  };
  const { "": _, ...errors } = fieldErrors(change.error) as Record<string, string>;
  return (
    <Dialog
      open
      onOpenChange={onClose}
      title={`Credentials of ${connection.name}`}
      description="They are tested before they are kept. Another address needs its secrets entered again."
      footer={
        <>
          <Button onClick={onClose}>Cancel</Button>
          {refused && (
            <Button variant="danger" pending={change.isPending} onClick={() => save(true)}>
              Save anyway
            </Button>
          )}
          <Button
            variant="primary"
            type="submit"
            form="change"
            pending={change.isPending}
            disabled={edits === null && allowPrivate === connection.allowPrivateNetwork}
          >
            Test and save
          </Button>
        </>
      }
    >
      <form
        id="change"
        className="flex flex-col gap-4"
        onSubmit={(event) => {
          event.preventDefault();
          save(false);
        }}
      >
        <CredentialsForm
          schema={schema}
          value={value}
          onChange={(next) => {
            setEdits(next);
            if (change.error) change.reset();
          }}
          errors={errors}
          allowPrivate={allowPrivate}
          onAllowPrivate={setAllowPrivate}
        />
        {problem && (
          <div role="alert">
            <Notice tone="failed" title={problem.detail ?? problem.title}>
              {problem.hint}
            </Notice>
          </div>
        )}
      </form>
    </Dialog>
  );
}
