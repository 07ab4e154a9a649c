import { useQuery } from "@tanstack/react-query";
import { UserRound } from "lucide-react";
import { type FormEvent, useState } from "react";
import { problemOf, toastProblem } from "@/api/problem";
import { sessionQuery, useChangePassword, useRenameAccount } from "@/api/queries";
import type { Session } from "@/api/types";
import { t } from "@/lib/text";
import { toast } from "@/lib/toast";
import { Button, EmptyState, Field, Input, Loaded, Section } from "@/ui";
import { Identities } from "./identities";

type Account = NonNullable<Session["account"]>;

/** One's own name and password. */
export function Profile() {
  const session = useQuery(sessionQuery);
  return (
    <Loaded query={session}>
      {({ account, subject }) =>
        account ? (
          <>
            <Name account={account} />
            <Password account={account} />
            <Identities hasPassword={account.hasPassword} />
          </>
        ) : (
          <Section title={t("Profile")}>
            <EmptyState icon={UserRound} title={t("A program asks")}>
              {t("{subject} is a token, and has no profile.", { subject })}
            </EmptyState>
          </Section>
        )
      }
    </Loaded>
  );
}

function Name({ account }: { account: Account }) {
  const rename = useRenameAccount();
  const [name, setName] = useState(account.name);
  const submit = (event: FormEvent) => {
    event.preventDefault();
    rename.mutate(name.trim(), {
      onSuccess: () => toast.success(t("Your name is saved")),
      onError: (error) => toastProblem(error, t("Your name was not saved")),
    });
  };
  return (
    <Section title={t("Profile")} description={account.email ?? t("You have no e-mail address here yet.")}>
      <form onSubmit={submit} className="flex items-end gap-2">
        <Field label={t("Name")} className="max-w-80 flex-1">
          <Input value={name} maxLength={200} onChange={(event) => setName(event.target.value)} />
        </Field>
        <Button
          type="submit"
          pending={rename.isPending}
          disabled={!name.trim() || name.trim() === account.name}
        >
          {t("Save")}
        </Button>
      </form>
    </Section>
  );
}

function Password({ account }: { account: Account }) {
  const change = useChangePassword();
  const [email, setEmail] = useState("");
  const [current, setCurrent] = useState("");
  const [next, setNext] = useState("");
  const problem = change.error ? problemOf(change.error) : null;
  const known = problem && (problem.at("/current") ?? problem.at("/new") ?? problem.at("/email"));
  const submit = (event: FormEvent) => {
    event.preventDefault();
    change.mutate(
      {
        current: account.hasPassword ? current : null,
        new: next,
        email: account.email === null ? email : null,
      },
      {
        onSuccess: () => {
          setEmail("");
          setCurrent("");
          setNext("");
          toast.success(t("Your password is set"), {
            description: t("Every other session of yours is ended."),
          });
        },
      },
    );
  };
  return (
    <Section
      title={t("Password")}
      description={
        account.hasPassword
          ? t("A new one ends every other session of yours.")
          : t("With one you sign in without a code of the server's log.")
      }
    >
      <form onSubmit={submit} className="flex max-w-80 flex-col gap-4">
        {account.email === null && (
          <Field
            label={t("E-mail")}
            error={problem?.at("/email")}
            hint={t("You sign in with it from now on.")}
          >
            <Input
              type="email"
              autoComplete="username"
              value={email}
              onChange={(event) => setEmail(event.target.value)}
            />
          </Field>
        )}
        {account.hasPassword && (
          <Field label={t("Current password")} error={problem?.at("/current")}>
            <Input
              type="password"
              autoComplete="current-password"
              value={current}
              onChange={(event) => setCurrent(event.target.value)}
            />
          </Field>
        )}
        <Field
          label={t("New password")}
          error={problem && (problem.at("/new") ?? (known ? undefined : (problem.detail ?? problem.title)))}
          hint={t("At least 12 characters. Several words are a good password.")}
        >
          <Input
            type="password"
            autoComplete="new-password"
            value={next}
            onChange={(event) => setNext(event.target.value)}
          />
        </Field>
        <Button
          type="submit"
          className="w-fit"
          pending={change.isPending}
          disabled={!next || (account.hasPassword && !current) || (account.email === null && !email)}
        >
          {account.hasPassword ? t("Change password") : t("Set password")}
        </Button>
      </form>
    </Section>
  );
}
