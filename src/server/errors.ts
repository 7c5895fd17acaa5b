import { InputError } from '../input-error.ts'

/** An error as clients of the OpenAI API read it. */
export class ApiError extends Error {
  override readonly name = 'ApiError'
  readonly status: ErrorStatus
  readonly code: string | undefined
  /** The parameter that is meant. */
  readonly param: string | undefined
  /** After how many seconds it is worth trying again. */
  readonly retryAfterS: number | undefined

  constructor(status: ErrorStatus, message: string, details: ErrorDetails = {}) {
    super(message, { cause: details.cause })
    this.status = status
    this.code = details.code
    this.param = details.param
    this.retryAfterS = details.retryAfterS
  }
}

export type ErrorStatus = 400 | 401 | 403 | 404 | 413 | 415 | 429 | 499 | 500 | 502 | 503 | 504

interface ErrorDetails {
  readonly code?: string
  readonly param?: string
  readonly retryAfterS?: number
  readonly cause?: unknown
}

export const badRequest = (message: string, param: string, code = 'invalid_value'): ApiError =>
  new ApiError(400, message, { param, code })

/** What any error is to a client. Faults of the server are not described: their messages may name its files. */
export function toApiError(error: unknown): ApiError {
  if (error instanceof ApiError) return error
  if (error instanceof InputError) return new ApiError(400, error.message, { cause: error })
  const message =
    'The server failed at this request. Its log says more, under the id in the header x-request-id.'
  return new ApiError(500, message, { code: 'internal_error', cause: error })
}

const types: Readonly<Partial<Record<ErrorStatus, string>>> = {
  401: 'authentication_error',
  403: 'permission_error',
  404: 'not_found_error',
  429: 'rate_limit_error',
}

export interface ErrorBody {
  readonly error: {
    readonly message: string
    readonly type: string
    readonly param: string | null
    readonly code: string | null
  }
}

export function errorBody({ status, message, param, code }: ApiError): ErrorBody {
  const type = types[status] ?? (status < 500 ? 'invalid_request_error' : 'server_error')
  return { error: { message, type, param: param ?? null, code: code ?? null } }
}

export function errorResponse(error: ApiError): Response {
  const headers = error.retryAfterS === undefined ? {} : { 'retry-after': `${error.retryAfterS}` }
  return Response.json(errorBody(error), { status: error.status, headers })
}
