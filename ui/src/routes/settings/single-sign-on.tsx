import { useQuery } from "@tanstack/react-query";
import { CircleCheck, CircleX, KeySquare, Lock } from "lucide-react";
import type { ReactNode } from "react";
import { toastProblem } from "@/api/problem";
import { issuersQuery, sessionQuery, useTestIssuer } from "@/api/queries";
import type { IssuerTest, SignOnIssuer } from "@/api/types";
import { rich, t } from "@/lib/text";
import { Button, CopyButton, EmptyState, Loaded, Section } from "@/ui";

/** What the server's file of issuers says, and whether they answer. Changed on the server, never here. */
export function SingleSignOn() {
  const session = useQuery(sessionQuery);
  return (
    <Loaded query={session}>
      {({ role }) =>
        role === "admin" ? (
          <Issuers />
        ) : (
          <Section title={t("Single sign-on")}>
            <EmptyState icon={Lock} title={t("Admins see how people sign in")}>
              {t("Your role is {role}.", { role })}
            </EmptyState>
          </Section>
        )
      }
    </Loaded>
  );
}

function Issuers() {
  const issuers = useQuery(issuersQuery);
  return (
    <Loaded query={issuers}>
      {({ items }) =>
        items.length === 0 ? (
          <Section title={t("Single sign-on")}>
            <EmptyState icon={KeySquare} title={t("No issuer is set up")}>
              {rich(
                "Name a file of OpenID Connect issuers in {code} and start the server again. People then sign in with Keycloak, Entra, Google, Okta or another one.",
                { code: <code className="font-mono text-xs">BATON_OIDC_FILE</code> },
              )}
            </EmptyState>
          </Section>
        ) : (
          items.map((issuer) => <Issuer key={issuer.name} issuer={issuer} />)
        )
      }
    </Loaded>
  );
}

function Issuer({ issuer }: { issuer: SignOnIssuer }) {
  const test = useTestIssuer();
  const place = issuer.workspace ?? t("the first workspace");
  return (
    <Section
      title={issuer.title}
      description={t("Set in the file that BATON_OIDC_FILE names.")}
      actions={
        <Button
          size="sm"
          pending={test.isPending}
          onClick={() =>
            test.mutate(issuer.name, { onError: (error) => toastProblem(error, t("The test was not made")) })
          }
        >
          {t("Test discovery")}
        </Button>
      }
    >
      <div aria-live="polite">{test.data && <Found answer={test.data} />}</div>
      <dl className="grid grid-cols-1 gap-y-1 text-sm sm:grid-cols-[10rem_1fr] sm:gap-y-2">
        <Row name={t("Issuer")}>
          <Code>{issuer.issuer}</Code>
        </Row>
        <Row name={t("Client id")}>
          <Code>{issuer.clientId}</Code>
        </Row>
        <Row name={t("Client secret")}>{issuer.secret ? t("is set") : t("none: a public client")}</Row>
        <Row name={t("Redirect address")}>
          <Copied label={t("Copy redirect address")}>{issuer.redirectUri}</Copied>
        </Row>
        <Row name={t("After signing out")}>
          <Copied label={t("Copy address after signing out")}>{issuer.signedOutUri}</Copied>
        </Row>
        <Row name={t("Scopes")}>{issuer.scopes.join(", ")}</Row>
        <Row name={t("E-mail domains")}>
          {issuer.emailDomains.length ? issuer.emailDomains.join(", ") : t("any")}
        </Row>
        <Row name={t("Newcomers")}>
          {issuer.newcomers
            ? t("become {newcomers} in {place}", { newcomers: issuer.newcomers, place })
            : t("only the invited come in")}
        </Row>
        <Row name={t("Groups")}>
          {issuer.groups.length === 0
            ? t("decide nothing")
            : issuer.groups.map(({ group, role }) => `${group}: ${role}`).join(", ")}
        </Row>
        <Row name={t("Linked by e-mail")}>
          {issuer.linkByEmail ? t("yes, where the address is verified") : t("no")}
        </Row>
      </dl>
    </Section>
  );
}

function Found({ answer }: { answer: IssuerTest }) {
  if (!answer.ok) {
    return (
      <p className="mb-3 flex gap-2 text-sm text-st-failed">
        <CircleX aria-hidden className="mt-0.5 size-4 shrink-0" />
        <span className="min-w-0 break-words">{answer.problem}</span>
      </p>
    );
  }
  return (
    <p className="mb-3 flex gap-2 text-sm text-st-done">
      <CircleCheck aria-hidden className="mt-0.5 size-4 shrink-0" />
      <span>
        {t("It answers. {keys} {keys, plural, one {key} other {keys}} for {algorithms}; {what}", {
          keys: answer.keys,
          algorithms: answer.algorithms.join(", "),
          what: answer.endSessionEndpoint
            ? t("people can sign out there, too.")
            : t("it offers no sign-out."),
        })}
      </span>
    </p>
  );
}

function Row({ name, children }: { name: string; children: ReactNode }) {
  return (
    <>
      <dt className="text-muted">{name}</dt>
      <dd className="mb-2 min-w-0 break-words sm:mb-0">{children}</dd>
    </>
  );
}

function Code({ children }: { children: string }) {
  return <code className="break-all font-mono text-xs leading-5">{children}</code>;
}

function Copied({ children, label }: { children: string; label: string }) {
  return (
    <span className="flex items-center gap-1">
      <Code>{children}</Code>
      <CopyButton text={children} label={label} className="-my-1.5" />
    </span>
  );
}
