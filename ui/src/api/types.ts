import type { components } from "./schema";

/** Names for the generated types. Nothing here is written by hand: a type that is missing is missing in the API. */
export type Schemas = components["schemas"];

export type Session = Schemas["SessionAnswer"];
export type Role = Session["role"];
export type Orchestrator = Schemas["Orchestrator"];
export type OrchestratorDetail = Schemas["OrchestratorDetail"];
export type Revision = Schemas["RevisionItem"];
export type Publication = Schemas["Publication"];
export type RevisionDetail = Schemas["RevisionDetail"];
export type Graph = Schemas["Graph"];
export type GraphNode = Schemas["NodeSpec"];
export type GraphEdge = Schemas["Edge"];
/** A comment and the answers to it. */
export type Thread = Schemas["Thread"];
export type Comment = Schemas["Comment"];
export type ThreadFilter = { state: "open" | "resolved"; mine?: boolean; nodeId?: string };
/** What the stream of an open drawing says. */
export type Joined = Schemas["Joined"];
export type People = Schemas["People"];
export type Person = Schemas["Person"];
export type Newest = Schemas["Newest"];
export type Discussed = Schemas["Discussed"];
export type DefinitionProblem = Schemas["Problem"];
export type Kind = Schemas["Kind"];
// openapi-fetch leaves members out that can only be null.
export type RunDetail = Omit<Schemas["RunDetail"], "correlationToken">;
export type Run = Omit<RunDetail, "nodes">;
/** A run in a list, with its steps. */
export type RunItem = Omit<Schemas["RunItem"], "correlationToken">;
export type RunStep = Schemas["Step"];
export type RunSummary = Schemas["RunSummary"];
export type ErrorGroup = Schemas["ErrorGroup"];
export type RunState = Schemas["RunState"];
export type Plan = Schemas["Plan"];
export type PlanStep = Schemas["PlanStep"];
export type NodeRun = Schemas["NodeRun"];
export type NodeState = Schemas["NodeState"];
export type Attempt = Schemas["Attempt"];
export type Exchange = Schemas["Exchange"];
export type Failure = Schemas["Failure"];
export type RemoteTask = Schemas["RemoteTask"];
export type LogLine = Schemas["LogLine"];
export type Level = LogLine["level"];
export type Provider = Schemas["ProviderAnswer"];
export type Connection = Schemas["ConnectionAnswer"];
export type ConnectionStatus = Connection["status"];
export type TestAnswer = Schemas["TestAnswer"];
export type RemoteWorkflow = Schemas["RemoteWorkflow"];
export type Workflows = Schemas["Workflows"];
export type Preview = Schemas["PreviewAnswer"];
/** A remote workflow in the list over all connections. */
export type Offer = Schemas["Offer"];
export type OfferPage = Schemas["OfferPage"];
export type OfferConnection = Schemas["OfferConnection"];
export type LeftOut = Schemas["LeftOut"];
export type Usage = Schemas["Usage"];
/** A remote workflow as a node, ready for a drawing. */
export type RemoteNode = Schemas["RemoteNode"];
export type Imported = Schemas["Imported"];
export type Drift = Schemas["Drift"];
export type Sample = Schemas["Sample"];
export type SampleRun = Schemas["SampleRun"];
export type Rendered = Schemas["Rendered"];
export type Mapped = Schemas["Mapped"];
export type MapWarning = Schemas["MapWarning"];
export type ApiToken = Schemas["TokenAnswer"];
export type NewToken = Schemas["NewToken"];
export type SigningSecret = Schemas["SigningSecret"];
export type IssuedSecret = Schemas["IssuedSecret"];
export type NewSigningSecret = Schemas["NewSigningSecret"];
export type Incident = Schemas["Incident"];
export type Refusal = NonNullable<Schemas["Attempted"]["refusal"]>;
export type Member = Schemas["Member"];
export type Invitation = Schemas["Invitation"];
export type SignedIn = Schemas["SessionItem"];
export type Workspace = Schemas["WorkspaceItem"];
export type Received = Schemas["Received"];
export type Verdict = Received["verdict"];
export type DeadLetter = Schemas["DeadLetter"];
export type DeadLetterDetail = Schemas["DeadLetterDetail"];
export type LetterState = DeadLetter["state"];
/** What the screen can narrow them by. */
export type LetterFilter = { orchestratorId?: string; q?: string };
export type Bulk = Schemas["Bulk"];
export type Attempted = Schemas["Attempted"];
export type RunCallbacks = Schemas["RunCallbacks"];
export type WaitDetail = Schemas["WaitDetail"];
export type Stranger = Schemas["Stranger"];
export type ProblemDetails = Schemas["ProblemDetails"];

export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };
export type JsonObject = { [key: string]: unknown };
/** A way to sign in elsewhere that is the person's. */
export type LinkedIdentity = Schemas["LinkedIdentity"];
export type SignOnIssuer = Schemas["SignOnIssuer"];
export type IssuerTest = Schemas["DiscoveryAnswer"];
export type AuditLine = Schemas["AuditLine"];
export type AuditFilter = { by?: string; action?: string; objectId?: string };
export type RedactionRule = Schemas["RedactionRule"];
export type NewRule = Schemas["NewRule"];
export type RevealRole = Schemas["Redaction"]["revealRole"];
export type RevealRequest = Schemas["Reveal"];
export type RulePreview = Schemas["RedactionPreview"];
