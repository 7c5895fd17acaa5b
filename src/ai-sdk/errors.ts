import { AISDKError, InvalidArgumentError, InvalidPromptError } from '@ai-sdk/provider'
import { InputError } from '../input-error.ts'
import { ApiError } from '../server/errors.ts'
import { providerOptions } from './options.ts'

// Errors of the library as errors of the SDK. Their sentences stay as they are.

/** What was refused of a prompt: its question, or its picture. */
export const promptError = (error: unknown, prompt: unknown): AISDKError =>
  error instanceof InputError || error instanceof ApiError
    ? new InvalidPromptError({ prompt, message: error.message, cause: error })
    : otherError(error)

/** What was refused of the options. */
export const optionError = (error: unknown): AISDKError =>
  error instanceof InputError
    ? new InvalidArgumentError({ argument: providerOptions, message: error.message, cause: error })
    : otherError(error)

/** A fault of files, of the hub, of memory; or one that is the SDK's already. */
function otherError(cause: unknown): AISDKError {
  if (AISDKError.isInstance(cause)) return cause
  const message = cause instanceof Error ? cause.message : String(cause)
  return new AISDKError({ name: 'AI_VicropError', message, cause })
}
