using System.Runtime.InteropServices;

namespace Appliance.Tuf;

/// <summary>Ed25519 by OpenSSL, which .NET's own cryptography stands on: the BCL has none.</summary>
internal static partial class Ed25519
{
    private const int KeyBytes = 32;
    private const int SignatureBytes = 64;

    public static bool Verifies(ReadOnlySpan<byte> key, ReadOnlySpan<byte> data, ReadOnlySpan<byte> signature)
    {
        if (key.Length != KeyBytes || signature.Length != SignatureBytes)
            return false;

        var imported = ImportPublic(Algorithm, 0, key, KeyBytes);
        var context = NewContext();
        try
        {
            return imported != 0
                && context != 0
                && BeginVerify(context, 0, 0, 0, imported) == 1
                && Verify(context, signature, SignatureBytes, data, (nuint)data.Length) == 1;
        }
        finally
        {
            FreeContext(context);
            FreeKey(imported);
            // What stays in the thread's queue would be taken for the cause of a later failure of somebody else.
            ClearErrors();
        }
    }

    private const string Library = "libcrypto.so.3";
    private const int Algorithm = 1087;

    [LibraryImport(Library, EntryPoint = "EVP_PKEY_new_raw_public_key")]
    private static partial nint ImportPublic(int algorithm, nint engine, ReadOnlySpan<byte> key, nuint length);

    [LibraryImport(Library, EntryPoint = "EVP_PKEY_free")]
    private static partial void FreeKey(nint key);

    [LibraryImport(Library, EntryPoint = "EVP_MD_CTX_new")]
    private static partial nint NewContext();

    [LibraryImport(Library, EntryPoint = "EVP_MD_CTX_free")]
    private static partial void FreeContext(nint context);

    [LibraryImport(Library, EntryPoint = "EVP_DigestVerifyInit")]
    private static partial int BeginVerify(nint context, nint keyContext, nint digest, nint engine, nint key);

    [LibraryImport(Library, EntryPoint = "EVP_DigestVerify")]
    private static partial int Verify(
        nint context,
        ReadOnlySpan<byte> signature,
        nuint signatureLength,
        ReadOnlySpan<byte> data,
        nuint dataLength
    );

    [LibraryImport(Library, EntryPoint = "ERR_clear_error")]
    private static partial void ClearErrors();
}
