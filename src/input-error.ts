/**
 * What is asked cannot be done as it is asked: a question, an option or a picture that the model does not take. The
 * message says what to change; every other error is a fault of files, memory or this library.
 */
export class InputError extends Error {
  override readonly name = 'InputError'
}
