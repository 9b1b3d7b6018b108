// What the plugin offers: an index. Each is described and run by the file of its noun.
#pragma once

#include <edgemesh_plugin.hpp>

namespace linalg {

edgemesh::Algorithm matmul();   // product.cpp
edgemesh::Algorithm solve();    // solve.cpp
edgemesh::Algorithm inv();      // inverse.cpp
edgemesh::Algorithm det();      // determinant.cpp
edgemesh::Algorithm slogdet();  //
edgemesh::Algorithm cholesky(); // cholesky.cpp
edgemesh::Algorithm qr();       // qr.cpp
edgemesh::Algorithm svd();      // svd.cpp
edgemesh::Algorithm eigh();     // eigenvalues.cpp
edgemesh::Algorithm eig();      //
edgemesh::Algorithm lstsq();    // lstsq.cpp
edgemesh::Algorithm expm();     // expm.cpp

} // namespace linalg
