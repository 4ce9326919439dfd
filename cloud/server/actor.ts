import type { Permission, Role } from '#shared/permission.ts';

/** Whoever asks, signed in or not. What a service may know of the request without knowing HTTP. */
export type Caller = {
  requestId: string;
  ip: string;
  userAgent: string;
  /** Absent: nobody is signed in, which only a `public` or `token` call allows. */
  session?: SignedIn;
  /** What a `token` call checks itself: the text after `Bearer`. */
  bearer?: string;
};

/** A person behind a session that holds now. */
export type SignedIn = {
  sessionId: string;
  family: string;
  userId: string;
  email: string;
  name: string;
  emailVerified: boolean;
};

/** A member of the workspace that the request names: what every call with a permission gets. */
export type Actor = Omit<Caller, 'session' | 'bearer'> &
  SignedIn & {
    workspaceId: string;
    role: Role;
    permissions: ReadonlySet<Permission>;
    /** Set where a program asks with a key: then the person is the one who answers for it. */
    apiKey?: { id: string; name: string; perSecond: number };
  };
